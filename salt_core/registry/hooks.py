"""The names that one plugin offers, read from its hooks and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import click
import pluggy

from salt_core import hookspecs
from salt_core.errors import suggest
from salt_core.kinds import BY_HOOK
from salt_core.registry.faults import HookError

Offer = tuple[str, str, "type | click.Command | str"]

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def offers_of(plugin: object) -> list[Offer]:
    """Call the hooks of one plugin.

    Parameters
    ----------
    plugin : object
        The module that the entry point names.

    Returns
    -------
    list of (kind, name, target)
        Every name that it offers.

    Raises
    ------
    HookError
        For a misspelt hook, one without ``@hookimpl``, no hook at all, or a hook that returns
        something else than a mapping from names to classes or ``"module:Class"`` strings.
    """
    # A manager of its own for each plugin: pluggy refuses a module that two distributions name.
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    implementations = _implementations(manager, plugin)
    _check_hooks([hook for hook, _ in implementations], plugin)
    return [offer for hook, function in implementations for offer in _call(hook, function)]


def _implementations(
    manager: pluggy.PluginManager, plugin: object
) -> list[tuple[str, Callable[..., object]]]:
    callers = manager.get_hookcallers(plugin) or []
    return [(caller.name, impl.function) for caller in callers for impl in caller.get_hookimpls()]


def _check_hooks(hooks: list[str], plugin: object) -> None:
    for hook in hooks:
        if hook not in BY_HOOK:
            raise HookError(f"there is no hook {hook!r}: {suggest(hook, BY_HOOK)}")
    bare = [hook for hook in BY_HOOK if hook not in hooks and hasattr(plugin, hook)]
    if bare:
        raise HookError(f"{' and '.join(bare)} must be marked with @hookimpl of salt_core")
    if not hooks:
        raise HookError(f"it offers no hook. Hooks: {', '.join(BY_HOOK)}")


def _call(hook: str, function: Callable[..., object]) -> Iterator[Offer]:
    offers = function()
    place = _place(function)
    if not isinstance(offers, Mapping):
        raise HookError(f"{hook} returns {_said(offers)}, not a mapping from names to classes{place}")
    for name, target in offers.items():
        if not isinstance(name, str) or not name.strip():
            raise HookError(f"{hook} offers the name {name!r}, which is not a text{place}")
        if not _is_target(target):
            fault = f'{_said(target)}, neither a class nor "module:Class"'
            raise HookError(f"{hook} offers {name!r} as {fault}{place}")
        yield BY_HOOK[hook].name, name, target


def _is_target(target: object) -> bool:
    return isinstance(target, type | click.Command) or (
        isinstance(target, str) and _TARGET.fullmatch(target) is not None
    )


def _said(value: object) -> str:
    if value is None or isinstance(value, str):
        return repr(value)
    return f"an object of type {type(value).__name__}"


def _place(function: Callable[..., object]) -> str:
    code = getattr(function, "__code__", None)
    return f" ({code.co_filename}:{code.co_firstlineno})" if code else ""

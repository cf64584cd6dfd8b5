"""The names that one plugin offers, read from its hooks and checked."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from types import FunctionType
from typing import NamedTuple, cast

import click
import pluggy

from salt_core import hookspecs
from salt_core.errors import suggest
from salt_core.kinds import BY_HOOK, EVENTS
from salt_core.registry import api
from salt_core.registry.faults import HookError
from salt_core.registry.tracing import timed, trace

HOOKS = (*BY_HOOK, *EVENTS)

Offer = tuple[str, str, "type | click.Command | str"]

log = logging.getLogger("salt.plugins")

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


class Offered(NamedTuple):
    """What a plugin has.

    Parameters
    ----------
    offers : list of (kind, name, target)
        Every name that it offers.
    listens : list of (hook, function, arguments)
        What it wants to be told, and the arguments that it takes.
    """

    offers: list[Offer]
    listens: list[tuple[str, Callable[..., object], Sequence[str]]]


def offers_of(plugin: object, origin: str) -> Offered:
    """Call the hooks of one plugin that offer something, and note the others.

    Parameters
    ----------
    plugin : object
        The module that the entry point names.
    origin : str
        The plugin, its distribution and version, for warnings and traces.

    Returns
    -------
    Offered
        What it has.

    Raises
    ------
    HookError
        For a version of the plugin API that is not this one, a misspelt hook, one without ``@hookimpl``,
        no hook at all, or a hook that returns something else than a mapping from names to classes or
        ``"module:Class"`` strings.
    """
    api.check_api(getattr(plugin, api.STATEMENT, None))
    found = [(_present_name(hook, origin), impl) for hook, impl in _implementations(plugin)]
    _check_hooks([hook for hook, _ in found], plugin)
    return Offered(
        [offer for hook, impl in found if hook in BY_HOOK for offer in _called(hook, impl.function, origin)],
        [(hook, impl.function, impl.argnames) for hook, impl in found if hook in EVENTS],
    )


def _implementations(plugin: object) -> list[tuple[str, pluggy.HookImpl]]:
    """Have pluggy check the plugin's hooks.

    One plugin at a time: pluggy refuses a module that two distributions name.
    """
    manager = _manager()
    try:
        manager.register(plugin)
    except Exception:
        _manager.cache_clear()  # pluggy leaves in it what it took before it refused
        raise
    callers = manager.get_hookcallers(plugin) or []
    found = [
        (caller.name, impl) for caller in callers for impl in caller.get_hookimpls() if impl.plugin is plugin
    ]
    manager.unregister(plugin)
    return found


@cache
def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def _present_name(hook: str, origin: str) -> str:
    """Return what a hook is called now, and tell of an old name once in a process."""
    renamed = api.RENAMED_HOOKS.get(hook)
    if renamed is None:
        return hook
    tell_once(
        f"{origin}: the hook {hook} is called {renamed.new} now; salt-hep {renamed.until} knows it no more"
    )
    return renamed.new


@cache
def tell_once(warning: str) -> None:
    """Warn of something that is found whenever plugins are looked for, once in a process."""
    log.warning("warning: %s", warning)


def _check_hooks(hooks: list[str], plugin: object) -> None:
    for hook in hooks:
        if hook not in HOOKS:
            raise HookError(f"there is no hook {hook!r}: {suggest(hook, HOOKS)}")
    bare = [hook for hook in HOOKS if hook not in hooks and hasattr(plugin, hook)]
    if bare:
        raise HookError(f"{' and '.join(bare)} must be marked with @hookimpl of salt_core")
    if not hooks:
        raise HookError(f"it offers no hook. Hooks: {', '.join(HOOKS)}")


def _called(hook: str, function: Callable[..., object], origin: str) -> list[Offer]:
    offers, milliseconds = timed(lambda: _call(hook, function))
    trace(origin, hook, milliseconds, [name for _, name, _ in offers])
    return offers


def _call(hook: str, function: Callable[..., object]) -> list[Offer]:
    offers = function()
    place = _place(function)
    if not isinstance(offers, Mapping):
        raise HookError(f"{hook} returns {_said(offers)}, not a mapping from names to classes{place}")
    if faults := list(_faults(offers)):
        raise HookError(f"{hook} offers {', and '.join(faults)}{place}")
    return [(BY_HOOK[hook].name, name, target) for name, target in offers.items()]


def _faults(offers: Mapping[object, object]) -> Iterator[str]:
    """Say what is wrong with each offer."""
    for name, target in offers.items():
        if not isinstance(name, str) or not name.strip():
            yield f"the name {name!r}, which is not a text"
        elif not _is_target(target):
            yield f'{name!r} as {_said(target)}, neither a class nor "module:Class"'


def _is_target(target: object) -> bool:
    return isinstance(target, type | click.Command) or (
        isinstance(target, str) and _TARGET.fullmatch(target) is not None
    )


def _said(value: object) -> str:
    if value is None or isinstance(value, str):
        return repr(value)
    return f"an object of type {type(value).__name__}"


def _place(function: Callable[..., object]) -> str:
    code = cast(FunctionType, function).__code__  # pluggy takes nothing else for a hook
    return f" ({code.co_filename}:{code.co_firstlineno})"

"""The hooks of one module, each looked at by itself, so that the mistakes of all are told."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from salt_core.authoring.checking.findings import Finding, place
from salt_core.hookspecs import PROJECT
from salt_core.registry.api import STATEMENT, check_api
from salt_core.registry.faults import HookError, reason_of
from salt_core.registry.hooks import HOOKS, Offer, offers_of


def look_at_hooks(plugin: object, where: str, origin: str) -> tuple[list[Finding], list[Offer]]:
    """Call the hooks of a plugin.

    Parameters
    ----------
    plugin : object
        The module that the entry point names.
    where : str
        Its file.
    origin : str
        What warnings call it.

    Returns
    -------
    findings : list of Finding
        What is wrong with hooks.
    offers : list of (kind, name, target)
        What those offer that work.
    """
    findings, offers, seen = [], [], False
    try:
        check_api(getattr(plugin, STATEMENT, None))
    except HookError as error:
        findings.append(Finding(where, STATEMENT, str(error)))
    for name, function in inspect.getmembers(plugin, inspect.isroutine):
        marked = hasattr(function, f"{PROJECT}_impl")
        if not (marked or name in HOOKS or _looks_like_one(name)):
            continue
        seen = True
        at = _place(function, where)
        if not marked and name not in HOOKS:
            close = " or ".join(difflib.get_close_matches(name, HOOKS, 2))
            findings.append(
                Finding(at, name, f"no hook is called so; did you mean {close}, marked @hookimpl?")
            )
            continue
        try:
            offers += offers_of(_alone(name, function), origin).offers
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a hook may end in anything, SystemExit included
            findings.append(Finding(at, name, _told(error)))
    if not seen:
        findings.append(Finding(where, "", f"it offers no hook; mark one with @hookimpl: {', '.join(HOOKS)}"))
    return findings, offers


def _alone(name: str, function: Callable[..., object]) -> ModuleType:
    """Return a module with one hook."""
    module = ModuleType(getattr(function, "__module__", None) or "plugin")
    setattr(module, name, function)
    return module


def _looks_like_one(name: str) -> bool:
    return name.startswith("salt_") and bool(difflib.get_close_matches(name, HOOKS, 1, 0.8))


def _place(function: Callable[..., object], where: str) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return place(code.co_filename, code.co_firstlineno) if code else where


def _told(error: BaseException) -> str:
    if isinstance(error, HookError):
        return str(error)
    text = reason_of(error, (Path(__file__).parent,))
    if type(error).__name__ == "PluginValidationError":
        arguments = re.findall(r"'(\w+)'", text.partition("Argument(s) ")[2].partition(" are declared")[0])
        wanted = (
            "a hook that offers something takes no argument; those of a run take run, and outcome at its end"
        )
        return f"it takes {', '.join(arguments) or 'an argument'}: {wanted}"
    return f"calling it raises {text}"

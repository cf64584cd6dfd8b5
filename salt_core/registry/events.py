"""Hooks that return nothing: plugins are told what happens, and cannot spoil it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from salt_core.registry.faults import reason_of
from salt_core.registry.tracing import timed, trace

#: Seconds that a plugin is waited for.
PATIENCE = 30.0

log = logging.getLogger("salt.plugins")


@dataclass(frozen=True)
class Listener:
    """One plugin's implementation of a hook that is told of something.

    Parameters
    ----------
    hook : str
        The hook.
    function : callable
        What is called.
    arguments : sequence of str
        Those of the hook's arguments that it takes.
    plugin : str
        Name of the entry point, or the stem of a project-local file.
    distribution, version : str
        Who installed it; the file's path and ``local`` for a project-local file.
    """

    hook: str
    function: Callable[..., object]
    arguments: Sequence[str]
    plugin: str
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """Plugin, distribution and version, as warnings and traces write them."""
        return f"{self.plugin} of {self.distribution} {self.version}"


def tell(listeners: Sequence[Listener], hook: str, **arguments: object) -> None:
    """Call those of `listeners` that implement `hook`; one that fails or hangs is told in a warning."""
    for listener in listeners:
        if listener.hook == hook:
            fault, milliseconds = timed(partial(_fault_of, listener, arguments))
            trace(listener.origin, hook, milliseconds, fault or "done")
            if fault:
                log.warning("warning: %s of %s: %s; the run is not affected", hook, listener.origin, fault)


def _fault_of(listener: Listener, arguments: dict[str, object]) -> str:
    """Call one plugin in a thread of its own, so that it cannot keep the run waiting."""
    faults: list[str] = []

    def call() -> None:
        try:
            listener.function(**{name: arguments[name] for name in listener.arguments})
        except BaseException as error:  # a plugin may raise anything, SystemExit included
            faults.append(reason_of(error))

    thread = threading.Thread(target=call, daemon=True)  # a process ends without it
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive():
        return f"takes longer than {PATIENCE:g} s, and is not waited for"
    return faults[0] if faults else ""

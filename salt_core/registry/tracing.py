"""``SALT_TRACE_PLUGINS=1``: every call of a hook on standard error."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

VARIABLE = "SALT_TRACE_PLUGINS"

Result = TypeVar("Result")


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    """Call, and return the result and the time that it took in ms."""
    start = time.perf_counter()
    result = call()
    return result, 1e3 * (time.perf_counter() - start)


def is_tracing() -> bool:
    """Tell whether the user wants to see calls."""
    return os.environ.get(VARIABLE, "0") not in ("", "0")


def trace(origin: str, what: str, milliseconds: float, outcome: Sequence[str] | str) -> None:
    """Tell of one call.

    Parameters
    ----------
    origin : str
        The plugin, its distribution and version.
    what : str
        What was called, such as ``salt_losses``.
    milliseconds : float
        How long it took.
    outcome : str or sequence of str
        What came of it; the names that were offered.
    """
    if is_tracing():
        said = outcome if isinstance(outcome, str) else ", ".join(outcome) or "nothing"
        click.echo(f"trace: {origin}: {what} in {milliseconds:.1f} ms: {said}", err=True)

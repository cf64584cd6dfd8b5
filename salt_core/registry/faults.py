"""One line for whatever a plugin raised: its type, its message and the place in the plugin."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

import importlib_metadata
import pluggy

_MACHINERY = tuple(
    str(Path(file).parent)
    for file in (importlib.__file__, importlib_metadata.__file__, pluggy.__file__, __file__)
)


class HookError(Exception):
    """A plugin that imports, but does not keep to the hooks' contract."""


def reason_of(error: BaseException, passed_over: Collection[Path] = ()) -> str:
    """Tell in one line what `error` is and where in the plugin it arose.

    Parameters
    ----------
    error : BaseException
        What was raised.
    passed_over : collection of Path, optional
        Folders whose code called the plugin.

    Returns
    -------
    str
        Such as ``ModuleNotFoundError: No module named 'numba' (/plugins/focal/loss.py:3)``.
    """
    if isinstance(error, HookError):
        return str(error)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    text = ": ".join(part for part in (type(error).__name__, " ".join(message.split())) if part)
    place = _place(error, passed_over)
    return f"{text} ({place})" if place else text


def _place(error: BaseException, passed_over: Collection[Path]) -> str:
    """Find the deepest line of the plugin's own code, not of the library that it called."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    called = [frame for frame in _frames(error.__traceback__) if not _is_machinery(frame[0])]
    frames = [frame for frame in called if Path(frame[0]).parent not in passed_over]
    if not frames:
        return ""
    root = str(Path(frames[0][0]).parent)
    own = [
        frame
        for frame in frames
        if frame[0].startswith(root) and "site-packages" not in frame[0][len(root) :]
    ]
    file, line = (own or frames)[-1]
    return f"{file}:{line}"


def _frames(trace: TracebackType | None) -> list[tuple[str, int]]:
    frames = []
    while trace is not None:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return frames


def _is_machinery(file: str) -> bool:
    return file.startswith("<frozen") or str(Path(file).parent) in _MACHINERY

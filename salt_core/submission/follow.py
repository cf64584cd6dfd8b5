"""What a job's log has to say."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path


class Follower:
    """Tells what is new in the logs of a job since it last looked.

    Parameters
    ----------
    pattern : str
        The log, or a wildcard for the logs of an array.
    say : callable
        Takes what is new, without the end of its last line.
    """

    def __init__(self, pattern: str, say: Callable[[str], None]) -> None:
        self._pattern = pattern
        self._say = say
        self._told: dict[Path, int] = {}

    def say_more(self, last: bool = False) -> None:
        """Say the whole lines that have come; a log that was begun anew is told from its start.

        Parameters
        ----------
        last : bool, optional
            Whether nothing is waited for any more, so that a line without an end is said too.
        """
        for path in logs_of(self._pattern):
            told = self._told.get(path, 0)
            told = told if path.stat().st_size >= told else 0
            with path.open("rb") as file:
                file.seek(told)
                text = file.read()
            whole = text if last else text[: text.rfind(b"\n") + 1]
            self._told[path] = told + len(whole)
            if whole:
                self._say(whole.decode(errors="replace").rstrip("\n"))


def logs_of(pattern: str) -> list[Path]:
    """Return the logs that are there."""
    path = Path(pattern)
    found = sorted(path.parent.glob(path.name)) if glob.has_magic(path.name) else [path]
    return [log for log in found if log.is_file()]

"""What the hooks of a run are handed: the run, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Ending = Literal["finished", "resumable", "interrupted", "failed"]


@dataclass(frozen=True)
class Run:
    """A training that writes a run directory.

    Parameters
    ----------
    directory : Path
        The run directory; ``config.yaml`` and ``metadata.yaml`` are in it.
    name : str
        The model's name.
    command : str
        The command line.
    parent : Path, optional
        The run directory that it goes on from; the same one where it goes on in its directory.
    """

    directory: Path
    name: str
    command: str
    parent: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    ending : str
        ``finished``; ``resumable`` where it was stopped and left a checkpoint to go on from;
        ``interrupted`` where it left none; ``failed``.
    exit_status : int
        The exit status of the command: 0, 85 for one that is to be queued again, and so on.
    message : str, optional
        What went wrong, where it failed.
    """

    ending: Ending
    exit_status: int
    message: str = ""

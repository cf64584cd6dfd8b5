"""The batch backend's side of the contract: a job description in, a queued job out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """A training to be queued.

    Parameters
    ----------
    name : str
        The job's name at the scheduler.
    command : sequence of str
        The program and its arguments, not yet quoted.
    folder : Path
        Where scripts and logs go.
    options : dict of str to str
        The scheduler's own options, by its own names.
    """

    name: str
    command: Sequence[str]
    folder: Path
    options: dict[str, str] = field(default_factory=dict)


class BatchBackend(ABC):
    """Hands jobs to a scheduler. `render` is pure; the other verbs act."""

    @abstractmethod
    def render(self, job: Job) -> str:
        """Return the script or submit file of `job`, without touching anything."""

    @abstractmethod
    def submit(self, job: Job) -> str:
        """Queue `job` and return the scheduler's identifier."""

    @abstractmethod
    def status(self, identifier: str) -> str:
        """Tell the job's state in the scheduler's own word."""

    @abstractmethod
    def cancel(self, identifier: str) -> None:
        """Take the job off the queue or end it."""

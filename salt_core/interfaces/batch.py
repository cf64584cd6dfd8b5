"""The batch backend's side of the contract: a job description in, a queued job out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

#: What has become of a job, in words that all schedulers share.
Phase = Literal["waiting", "running", "held", "done", "failed", "cancelled", "unknown"]

#: Exit status of a training that has saved where it was and is to be queued again.
RESUME_ME = 85


@dataclass(frozen=True)
class Job:
    """A training to be queued.

    Parameters
    ----------
    name : str
        The job's name at the scheduler.
    command : sequence of str
        The program and its arguments, not yet quoted. It ends with status `RESUME_ME` where it is to be
        queued again.
    folder : Path
        Where script and log go, absolute.
    stem : str
        How the names of the job's files begin, unlike those of any other job.
    tasks : sequence of sequence of str
        Further arguments of the command, for each task of an array of jobs; empty for a single job.
    requeue : bool
        Whether to queue it again when it ends with `RESUME_ME`, or is taken off its machine.
    max_restarts : int
        How often at most.
    signal : str
        Signal that tells it to stop before its time ends, and how long before, such as ``USR1@90``; empty
        for the backend's choice.
    options : mapping of str to str or None
        The scheduler's own options, by its own names; None where one stands alone.
    """

    name: str
    command: Sequence[str]
    folder: Path
    stem: str
    tasks: Sequence[Sequence[str]] = ()
    requeue: bool = False
    max_restarts: int = 10
    signal: str = ""
    options: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where everything that the job says goes; tasks of an array have one each, with their number."""
        return self.folder / f"{self.stem}.log"


@dataclass(frozen=True)
class State:
    """What has become of a job.

    Parameters
    ----------
    phase : str
        Where it stands.
    word : str
        The scheduler's own word.
    reason : str
        Why, where the scheduler says it.
    """

    phase: Phase
    word: str = ""
    reason: str = ""


#: From what says most about all tasks of an array to what says least.
ORDER: tuple[Phase, ...] = ("held", "running", "waiting", "failed", "cancelled", "done", "unknown")


def together(states: Sequence[State]) -> State:
    """Tell what has become of an array of jobs: that of its tasks which says most, and how many are like it."""
    if not states:
        return State("unknown")
    first = min(states, key=lambda state: ORDER.index(state.phase))
    if len(states) == 1:
        return first
    like = sum(state.phase == first.phase for state in states)
    number = f"{like} of {len(states)} jobs"
    return State(first.phase, first.word, f"{number}: {first.reason}" if first.reason else number)


class BatchBackend(ABC):
    """Hands jobs to a scheduler. `render` and `arguments` are pure; the other verbs act.

    The typed ``__init__`` of a subclass and its docstring are the options of ``salt submit NAME``.
    Import nothing heavy: submitting is to be quick.
    """

    #: Short forms of options, such as ``{"partition": "-p"}``.
    short: ClassVar[Mapping[str, str]] = {}

    #: Folder for scripts and logs in the current one.
    folder: ClassVar[str] = "jobs"

    #: Prefix of words that go to the scheduler as they are, such as ``slurm.dependency=afterok:1``.
    prefix: ClassVar[str] = ""

    def arguments(self) -> Mapping[str, str]:
        """Return flags of ``salt fit`` that follow from the options, such as the number of devices."""
        return {}

    @abstractmethod
    def render(self, job: Job) -> Mapping[str, str]:
        """Return the files of `job`, text by name; the first one is what is submitted.

        Raises
        ------
        ConfigError
            Where an option cannot be written as the scheduler wants it.
        """

    @abstractmethod
    def submit(self, job: Job) -> str:
        """Queue `job`, whose files are in its folder, and return the scheduler's identifier.

        Raises
        ------
        RunError
            Where the scheduler refuses it, in its own words.
        """

    @abstractmethod
    def status(self, identifier: str) -> State:
        """Tell what has become of a job; of an array, of all its tasks `together`."""

    @abstractmethod
    def cancel(self, identifier: str) -> None:
        """Take a job off the queue, or end it."""

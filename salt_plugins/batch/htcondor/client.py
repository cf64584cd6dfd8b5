"""HTCondor's own programs, and what has become of jobs in their words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from salt_core.interfaces.batch import State
from salt_core.submission.programs import output_of, run
from salt_plugins.batch.htcondor.events import ended, removed

ATTRIBUTES = ("ProcId", "JobStatus", "ExitCode", "ExitSignal", "RemoveReason", "HoldReason")
UNDEFINED = "undefined"
COMPLETED = "4"
REMOVED = "3"

#: By the number that HTCondor has for them.
STATES = {
    "1": State("waiting", "IDLE"),
    "2": State("running", "RUNNING"),
    "5": State("held", "HELD"),
    "6": State("running", "TRANSFERRING_OUTPUT"),
    "7": State("held", "SUSPENDED"),
}


def call(command: Sequence[str], folder: Path | None = None) -> str:
    """Run one of HTCondor's programs in `folder` and return what it prints.

    Raises
    ------
    RunError
        Where there is no such program, or it fails, in its own words.
    """
    return output_of(run(command, "HTCondor", folder))


def queued(identifier: str) -> dict[int, State]:
    """Ask the queue, then what is kept of finished jobs; the states by number in their cluster."""
    shown = ["-af:t", *ATTRIBUTES]
    return _states(call(["condor_q", identifier, *shown])) or _states(
        call(["condor_history", identifier, *shown])
    )


def _states(table: str) -> dict[int, State]:
    return {
        int(row[0]): _state(*row[1:]) for row in (line.split("\t") for line in table.splitlines() if line)
    }


def _state(status: str, code: str, signal: str, removal: str, hold: str) -> State:
    if status == COMPLETED:
        return ended(None if code == UNDEFINED else int(code), signal)
    if status == REMOVED:
        return removed(removal)
    known = STATES.get(status, State("unknown", status))
    return State(known.phase, known.word, "" if hold == UNDEFINED else hold)

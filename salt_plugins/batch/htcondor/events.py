"""The event log that HTCondor keeps of a job beside its script: it tells everything, and asks no daemon."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from salt_core.interfaces.batch import RESUME_ME, State

ENDING = ".events"

EVENT = re.compile(r"(\d{3}) \((\d+)\.(\d+)\.\d+\) \S+ \S+ (.*)")
END_OF_EVENT = "\n...\n"
ENDED = re.compile(r"\((?:return value (\d+)|signal (\d+))\)")

TERMINATED, ABORTED, HELD = "005", "009", "012"

#: What events other than the end of a job make of it.
AFTER: Mapping[str, State] = {
    "000": State("waiting", "IDLE"),
    "001": State("running", "RUNNING"),
    "004": State("waiting", "IDLE"),
    "007": State("waiting", "IDLE"),
    "010": State("held", "SUSPENDED"),
    "011": State("running", "RUNNING"),
    "013": State("waiting", "IDLE"),
    "024": State("waiting", "IDLE"),
}

BY_THE_USER = "via condor_rm"


def logged(folder: Path, cluster: int) -> dict[int, State]:
    """Return the states of a cluster's jobs, by their number in it, as the event logs in `folder` have them.

    Of two clusters with one number, as two pools may have, the later one is meant.
    """
    for path in sorted(folder.glob(f"*{ENDING}"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        with path.open(encoding="utf-8", errors="replace") as file:
            first = EVENT.match(file.readline())
            if first and int(first[2]) == cluster:
                return states(first[0] + "\n" + file.read())
    return {}


def states(log: str) -> dict[int, State]:
    """Read an event log; an event that is still being written does not count."""
    found = {}
    for event in log.split(END_OF_EVENT)[:-1]:
        known = EVENT.match(event)
        if known is None:
            continue
        state = _after(known[1], list(_details(event)))
        if state is not None:
            found[int(known[3])] = state
    return found


def ended(code: int | None, signal: str) -> State:
    """Tell what a job that has ended came to; `code` is None where a signal has ended it."""
    if code == 0:
        return State("done", "COMPLETED")
    if code is None:
        return State("failed", "COMPLETED", f"ended by signal {signal}")
    hint = ", stopped with a checkpoint" if code == RESUME_ME else ""
    return State("failed", "COMPLETED", f"exit status {code}{hint}")


def removed(reason: str) -> State:
    """Tell a job that its user has removed from one that the pool has."""
    return State("cancelled" if reason.startswith(BY_THE_USER) else "failed", "REMOVED", reason)


def _after(number: str, details: list[str]) -> State | None:
    reason = details[0] if details else ""
    if number == TERMINATED:
        code, signal = next(
            (found.groups() for line in details if (found := ENDED.search(line))), (None, "?")
        )
        return ended(None if code is None else int(code), signal)
    if number == ABORTED:
        return removed(reason)
    if number == HELD:
        return State("held", "HELD", reason)
    return AFTER.get(number)


def _details(event: str) -> Iterator[str]:
    """Return the lines of an event after its first."""
    return (line.strip() for line in event.splitlines()[1:] if line.strip())

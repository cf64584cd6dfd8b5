"""Slurm's own programs, and what has become of a job in its words."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from salt_core.interfaces.batch import Phase, State, together
from salt_core.submission.programs import Done, output_of, run

PHASES: dict[str, Phase] = {
    "PENDING": "waiting",
    "CONFIGURING": "waiting",
    "REQUEUED": "waiting",
    "REQUEUE_HOLD": "held",
    "SPECIAL_EXIT": "held",
    "SUSPENDED": "held",
    "RUNNING": "running",
    "COMPLETING": "running",
    "COMPLETED": "done",
    "CANCELLED": "cancelled",
    "PREEMPTED": "waiting",
}

OF_A_JOB = re.compile(r"(SLURM|SBATCH|SRUN)_")
KEPT = {"SLURM_CONF"}


def clean_environment() -> dict[str, str]:
    """Return the environment without what a job that this runs in was given: it would beat the script."""
    return {name: value for name, value in os.environ.items() if name in KEPT or not OF_A_JOB.match(name)}


def call(command: Sequence[str]) -> str:
    """Run one of Slurm's programs and return what it prints.

    Raises
    ------
    RunError
        Where there is no such program, or it fails, in its own words.
    """
    return output_of(_run(command))


def state_of(identifier: str) -> State:
    """Ask the queue, then what is known of finished jobs, then the accounts; of an array, about all its tasks."""
    return together(_queued(identifier) or _known(identifier) or _counted(identifier))


def _queued(identifier: str) -> list[State]:
    lines = _lines(["squeue", "--noheader", "--format=%T|%r", f"--jobs={identifier}"])
    return [state(word, reason) for word, _, reason in (line.partition("|") for line in lines)]


def _known(identifier: str) -> list[State]:
    found = []
    for line in _lines(["scontrol", "--oneliner", "show", "job", identifier]):
        fields = dict(re.findall(r"(\w+)=(\S*)", line))
        code = fields.get("ExitCode", "").partition(":")[0]
        found.append(state(fields.get("JobState", ""), "" if code in ("", "0") else f"exit status {code}"))
    return found


def _counted(identifier: str) -> list[State]:
    shown = ["--noheader", "--parsable2", "--allocations", "--format=State"]
    return [state(line.split()[0], "") for line in _lines(["sacct", *shown, f"--jobs={identifier}"])]


def _lines(command: Sequence[str]) -> list[str]:
    """Return the lines that a program has printed; one that knows nothing of a job fails and has none."""
    done = _run(command)
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []


def _run(command: Sequence[str]) -> Done:
    return run(command, "Slurm", environment=clean_environment())


def state(word: str, reason: str) -> State:
    """Translate Slurm's word."""
    shown = "" if reason in ("None", "(null)") else reason
    phase: Phase = PHASES.get(word, "failed") if word else "unknown"
    if word == "PENDING" and "held" in shown.lower():
        phase = "held"
    return State(phase, word, shown)

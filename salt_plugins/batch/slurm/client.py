"""Slurm's own programs: called with lists of arguments, and their words passed on."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence

from salt_core import RunError
from salt_core.interfaces.batch import Phase, State

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
    done = run(command)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise RunError(f"{shlex.join(command)} failed with status {done.returncode}: {said}")
    return done.stdout.strip()


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run one of Slurm's programs."""
    program = shutil.which(command[0])
    if program is None:
        raise RunError(f"there is no {command[0]} on this machine; is it one that submits to Slurm?")
    return subprocess.run(  # noqa: S603 - a list of arguments
        [program, *command[1:]], capture_output=True, text=True, env=clean_environment(), check=False
    )


def state_of(identifier: str) -> State:
    """Ask the queue, then what is known of finished jobs, then the accounts."""
    queued = run(["squeue", "--noheader", "--format=%T|%r", f"--jobs={identifier}"])
    lines = queued.stdout.split("\n")[0].strip() if queued.returncode == 0 else ""
    if lines:
        word, _, reason = lines.partition("|")
        return state(word, reason)
    known = run(["scontrol", "--oneliner", "show", "job", identifier])
    if known.returncode == 0 and known.stdout.strip():
        fields = dict(re.findall(r"(\w+)=(\S*)", known.stdout))
        code = fields.get("ExitCode", "").partition(":")[0]
        return state(fields.get("JobState", ""), "" if code in ("", "0") else f"exit status {code}")
    counted = run(
        ["sacct", "--noheader", "--parsable2", "--allocations", "--format=State", f"--jobs={identifier}"]
    )
    word = counted.stdout.split("\n")[0].split(" ")[0].strip() if counted.returncode == 0 else ""
    return state(word, "")


def state(word: str, reason: str) -> State:
    """Translate Slurm's word."""
    shown = "" if reason in ("None", "(null)") else reason
    phase: Phase = PHASES.get(word, "failed") if word else "unknown"
    if word == "PENDING" and "held" in shown.lower():
        phase = "held"
    return State(phase, word, shown)

"""Slurm's programs, by stand-ins: what they are called with, and what is made of what they say."""

from __future__ import annotations

import pytest

from salt_core import RunError
from salt_core.interfaces.batch import State
from salt_plugins.batch.slurm.backend import Slurm


def told(*lines: str) -> str:
    return "cat <<'E'\n" + "\n".join(lines) + "\nE"


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        (["PENDING|Priority"], State("waiting", "PENDING", "Priority")),
        (["PENDING|JobHeldUser"], State("held", "PENDING", "JobHeldUser")),
        (["RUNNING|None"], State("running", "RUNNING")),
        (["COMPLETING|None"], State("running", "COMPLETING")),
        (["PENDING|Resources", "RUNNING|None"], State("running", "RUNNING", "1 of 2 jobs")),
    ],
)
def test_the_queue_is_asked_first(program, lines, state):
    noted = program("squeue", told(*lines))
    program("scontrol", "exit 1")
    assert Slurm().status("71") == state
    assert noted.read_text().splitlines()[-1] == "--jobs=71"


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        (["JobId=71 JobState=COMPLETED ExitCode=0:0"], State("done", "COMPLETED")),
        (["JobId=71 JobState=FAILED ExitCode=3:0"], State("failed", "FAILED", "exit status 3")),
        (["JobId=71 JobState=CANCELLED ExitCode=0:15"], State("cancelled", "CANCELLED")),
        (
            ["JobId=72 JobState=FAILED ExitCode=3:0", "JobId=71 JobState=COMPLETED ExitCode=0:0"],
            State("failed", "FAILED", "1 of 2 jobs: exit status 3"),
        ),
    ],
)
def test_then_what_is_known_of_jobs_that_are_over(program, lines, state):
    program("squeue", "echo 'Invalid job id specified' >&2; exit 1")
    noted = program("scontrol", told(*lines))
    assert Slurm().status("71") == state
    assert noted.read_text().splitlines() == ["--oneliner", "show", "job", "71"]


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        (["CANCELLED by 1000"], State("cancelled", "CANCELLED")),
        (["COMPLETED", "TIMEOUT"], State("failed", "TIMEOUT", "1 of 2 jobs")),
        (["COMPLETED", "COMPLETED"], State("done", "COMPLETED", "2 of 2 jobs")),
        ([], State("unknown")),
    ],
)
def test_then_the_accounts(program, lines, state):
    program("squeue", "")
    program("scontrol", "exit 1")
    noted = program("sacct", told(*lines))
    assert Slurm().status("71") == state
    assert noted.read_text().splitlines()[-1] == "--jobs=71"


def test_a_refusal_is_told_in_the_schedulers_words(program):
    noted = program("scancel", "echo 'Access/permission denied' >&2; exit 1")
    with pytest.raises(RunError, match=r"^scancel 71 failed with status 1: Access/permission denied$"):
        Slurm().cancel("71")
    assert noted.read_text().splitlines() == ["71"]

"""What is said of ranks that have ended while others train."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from salt_core.training import ranks
from salt_core.training.ranks import _said


@dataclass
class Rank:
    """A process that has ended with a status, or goes on."""

    returncode: int | None
    pid: int = 77

    def poll(self) -> int | None:
        return self.returncode


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ([None, 3], "rank 2 (process 77) has ended with status 3; what it said above tells why"),
        (
            [1, -9],
            "rank 2 (process 77) was ended by SIGKILL, as the system does where memory runs out; "
            "--ckpt_path last goes on from the newest checkpoint",
        ),
        (
            [-11, 0],
            "rank 1 (process 77) was ended by SIGSEGV; --ckpt_path last goes on from the newest checkpoint",
        ),
        ([], "another rank of this training has ended, what it wrote says why: lost"),
    ],
    ids=["status", "killed_before_one_that_followed", "signal", "elsewhere"],
)
def test_which_rank_has_ended_and_how(statuses, said):
    assert _said([Rank(status) for status in statuses], RuntimeError("lost")) == said


def test_a_rank_that_is_about_to_end_is_waited_for(monkeypatch):
    rank = Rank(None)
    monkeypatch.setattr(ranks.time, "sleep", lambda _: setattr(rank, "returncode", 1))
    assert _said([rank]).startswith("rank 1 (process 77) has ended with status 1")

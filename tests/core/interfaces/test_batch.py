"""What has become of an array of jobs."""

from __future__ import annotations

import pytest

from salt_core.interfaces.batch import State, together

DONE, WAITING, RUNNING = State("done", "OVER"), State("waiting", "IDLE"), State("running", "RUNS")
FAILED, HELD = State("failed", "OVER", "exit status 3"), State("held", "HELD", "no room")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], State("unknown")),
        ([FAILED], FAILED),
        ([DONE, DONE], State("done", "OVER", "2 of 2 jobs")),
        ([DONE, FAILED], State("failed", "OVER", "1 of 2 jobs: exit status 3")),
        ([DONE, State("cancelled"), FAILED], State("failed", "OVER", "1 of 3 jobs: exit status 3")),
        ([FAILED, WAITING, DONE], State("waiting", "IDLE", "1 of 3 jobs")),
        ([WAITING, RUNNING, RUNNING, FAILED], State("running", "RUNS", "2 of 4 jobs")),
        ([RUNNING, HELD, DONE], State("held", "HELD", "1 of 3 jobs: no room")),
    ],
)
def test_what_says_most_counts(states, expected):
    assert together(states) == expected

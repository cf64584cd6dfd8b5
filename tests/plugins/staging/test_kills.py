"""Staging that is interrupted or killed: nothing is left, or the next run removes it."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from copies import content, copies_in, left_in
from processes import until

from salt_core.shelf import Shelf
from salt_plugins.staging.copy.staging import Copy

SEED = random.SystemRandom().randrange(10**6)


def test_an_interruption_midway_leaves_nothing(file, store, target, stager):
    interrupted = stager(file, store, pause=True)
    interrupted.says("copying")
    interrupted.go()
    interrupted.says("copying")
    interrupted.go()
    interrupted.says("copying")  # the first file is done, the second one half
    assert copies_in(target, "a") != []
    interrupted.end_by(signal.SIGINT)
    assert left_in(target) == []


@pytest.mark.parametrize("pause", [True, False])
def test_after_a_kill_the_guardian_removes_all(file, target, stager, pause):
    killed = stager(file, pause=pause)
    killed.says("copying" if pause else "staged")
    killed.end_by(signal.SIGKILL)
    until(lambda: list(target.iterdir()) == [])


@pytest.mark.parametrize("pause", [True, False])
def test_after_a_kill_of_all_the_next_run_removes_what_was_left(
    file, store, target, stager, kill_guardians, pause
):
    killed = stager(file, pause=pause)
    killed.says("copying" if pause else "staged")
    kill_guardians()
    killed.end_by(signal.SIGKILL)
    assert copies_in(target, "jets.h5") != []
    with Copy().stage([store], target) as (copy,):
        assert copies_in(target, "jets.h5") == []
        assert content(copy) == content(store)
    assert left_in(target) == []


def kill_and_stage_again(moments: random.Random, target: Path, stager, kill_guardians, files) -> None:
    """Kill a process that stages, at a random moment, and half of the times its guardian."""
    start = time.monotonic()
    whole = stager(*files)
    whole.says("staged")
    duration = 1.2 * (time.monotonic() - start)
    whole.go()
    whole.says("left")
    killed = stager(*files)
    time.sleep(moments.uniform(0, duration))
    if moments.random() < 0.5:
        killed.process.send_signal(signal.SIGSTOP)
        kill_guardians()
    killed.end_by(signal.SIGKILL)
    with Copy().stage(files, target) as copies:
        assert [content(copy) for copy in copies] == [content(path) for path in files]
        assert Shelf(target / f"salt-staging-{os.geteuid()}", keep=False).clean() == []
    assert left_in(target) == []


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.full)])
def test_a_kill_at_any_moment_leaves_the_next_run_whole(times, file, store, target, stager, kill_guardians):
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it where the test fails
    moments = random.Random(SEED)
    for _ in range(times):
        kill_and_stage_again(moments, target, stager, kill_guardians, [file, store])

"""Worker processes: how many, and that none outlives its trainer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from salt_core.data import workers
from salt_core.data.workers import chosen_workers, follow_parent, sheltered

FORK = multiprocessing.get_context("fork")

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")


@pytest.mark.parametrize(
    ("cpus", "devices", "number"),
    [(1, 1, 0), (2, 1, 1), (8, 1, 7), (64, 1, 8), (8, 4, 1), (4, 8, 0), (8, 0, 7)],
)
def test_the_cpus_are_shared_and_one_is_left_to_the_trainer(monkeypatch, cpus, devices, number):
    monkeypatch.setattr(workers, "usable_cpus", lambda: cpus)
    assert chosen_workers("auto", devices) == number
    assert chosen_workers(5, devices) == 5
    assert chosen_workers(0, devices) == 0


def work(pipe) -> None:
    follow_parent()
    pipe.send(os.getpid())
    time.sleep(60)


def trainer(pipe) -> None:
    FORK.Process(target=work, args=(pipe,)).start()
    time.sleep(60)


@linux
def test_a_killed_trainer_takes_its_worker_along_at_once():
    here, there = FORK.Pipe()
    process = FORK.Process(target=trainer, args=(there,))
    process.start()
    assert here.poll(10)
    worker = here.recv()
    descriptor = os.pidfd_open(worker)
    process.kill()
    process.join()
    assert wait([descriptor], 1), "the worker lives on"
    os.close(descriptor)


def orphan() -> None:
    os.getppid = lambda: 1
    follow_parent()
    time.sleep(60)


@linux
def test_a_worker_whose_trainer_ended_before_it_began_ends():
    process = FORK.Process(target=orphan)
    process.start()
    process.join(5)
    assert process.exitcode == 1


def steadfast(pipe) -> None:
    follow_parent()
    pipe.send(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)


def test_ctrl_c_is_left_to_the_trainer():
    here, there = FORK.Pipe()
    process = FORK.Process(target=steadfast, args=(there,))
    process.start()
    assert here.poll(10)
    assert here.recv()
    process.join(5)
    assert process.exitcode == 0


def late(pipe) -> None:
    """Begin as PyTorch's workers do, whom SIGTERM ends until they follow their parent."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pipe.send(os.getpid())
    pipe.recv()
    follow_parent()
    pipe.send("alive")


@linux
@pytest.mark.parametrize("within", [True, False])
def test_a_signal_does_not_end_a_worker_that_has_just_begun(within):
    """It would without the shelter, which the other case shows."""
    here, there = FORK.Pipe()
    process = FORK.Process(target=late, args=(there,))
    with sheltered() if within else nullcontext():
        process.start()
    os.kill(here.recv(), signal.SIGTERM)
    if within:
        here.send("go on")
        assert here.recv() == "alive"
    process.join(5)
    assert process.exitcode == (0 if within else -signal.SIGTERM)


def test_a_trainer_gets_what_was_held_back():
    got: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: got.append(number))
    try:
        with sheltered():
            signal.raise_signal(
                signal.SIGUSR1
            )  # to this thread: others of the process may be there, and listen
            assert got == []
        assert got == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)


LEFT = """
import builtins, sys, time
from torch.utils.data import DataLoader
from salt_core.data.workers import follow_parent

class Slow(list):
    def __getitem__(self, number):
        time.sleep(0.01)
        return number

if __name__ == "__main__":
    builtins.kept = iter(DataLoader(Slow(range(999)), batch_size=None, num_workers=2, worker_init_fn=follow_parent))
    next(builtins.kept)
    sys.exit(85)
"""


def test_a_program_that_ends_in_the_middle_does_not_wait_for_its_workers(tmp_path):
    (tmp_path / "left.py").write_text(LEFT)
    root = Path(workers.__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "left.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (85, b"")

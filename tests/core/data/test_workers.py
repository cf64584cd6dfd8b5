"""Worker processes: how many, and that none outlives its trainer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.connection import wait

import pytest

from salt_core.data import workers
from salt_core.data.workers import chosen_workers, follow_parent

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

"""Worker processes that read: how many, and that none outlives its trainer."""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Literal

from salt_core.limits import usable_cpus

MOST_WORKERS = 8

PR_SET_PDEATHSIG = 1

#: What is meant for the trainer.
OF_THE_TRAINER = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def chosen_workers(number: int | Literal["auto"], devices: int) -> int:
    """Return the number of worker processes of one rank.

    Parameters
    ----------
    number : int or "auto"
        As configured.
    devices : int
        Ranks on this machine, which share its CPUs.
    """
    if number != "auto":
        return number
    return max(0, min(MOST_WORKERS, usable_cpus() // max(devices, 1) - 1))


def follow_parent(worker: int = 0) -> None:
    """Have this process end at once when the one that started it does, however that ends.

    Without it a killed trainer leaves its workers for seconds, or for good where they hang. Linux only.
    Ctrl-C is the trainer's to answer, who ends its workers.
    """
    del worker
    for number in OF_THE_TRAINER:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_THE_TRAINER)  # `sheltered` has held them back
    end_with_parent()
    parent = multiprocessing.parent_process()
    forked = multiprocessing.get_start_method() == "fork"  # else a server has started this process
    if parent is not None and forked and os.getppid() != parent.pid:  # it ended before we asked
        os._exit(1)


@contextmanager
def sheltered() -> Iterator[None]:
    """Start worker processes inside: signals wait until these follow their parent, and do not end one before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, OF_THE_TRAINER)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_workers() -> None:
    """End the workers that are left when this process ends.

    They do not listen to the signal by which Python would end them, and it would wait for them for good.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PyTorch takes their end for a failure
    for worker in multiprocessing.active_children():
        if worker.daemon:
            worker.kill()


# Python's own way is registered when this is imported; what is registered later is called first.
import_module("multiprocessing.util")
atexit.register(end_workers)


def end_with_parent() -> None:
    """Have the kernel end this process when the one that started it has ended. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

"""Processes that tests start, stop at a step and kill."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Stepped:
    """A Python program that tells each step in a line of its own, and waits for a line before it goes on."""

    def __init__(self, program: str, *words: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def says(self, word: str) -> None:
        assert self.process.stdout.readline().strip() == word, self.process.stderr.read()

    def go(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end_by(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(10)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=10)


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something to come about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not come about in {seconds} s"
        time.sleep(0.002)


def lives(pid: int) -> bool:
    """Tell whether a process is more than an entry that nobody has asked for yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return not Path("/proc/self/stat").exists()  # it has just ended, or this system has no /proc


def session_of(pid: int) -> list[int]:
    """List the living processes of a session."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, owner = status.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(owner) == pid and state not in "ZX":
            found.append(int(status.parent.name))
    return found


def wait_for_session(pid: int, seconds: float = 2) -> None:
    """Wait until no process of a session lives."""
    until(lambda: not session_of(pid), seconds)

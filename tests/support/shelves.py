"""Processes that use shelves, and what tests of shelves have in common."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from processes import Stepped, lives, until

# Takes one entry; goes on in its make, and then with its entry, when a line comes.
WORKER = """
import sys
from pathlib import Path
from salt_core.shelf import Shelf

def step(word):
    print(word, flush=True)
    sys.stdin.readline()

def make(folder):
    (folder / "first").write_text("1")
    step("making")
    (folder / "last").write_text("2")

lease = Shelf(Path(sys.argv[1]), keep=sys.argv[2] == "keep").take("jets", make)
step("taken")
lease.release()
print("released", flush=True)
"""

# Forks while it makes an entry; the child lives until standard input ends.
FORKING = """
import os, sys
from pathlib import Path
from salt_core.shelf import Shelf

def make(folder):
    if not os.fork():
        print("making", flush=True)
    sys.stdin.read()
    os._exit(0)

Shelf(Path(sys.argv[1]), keep=True).take("jets", make)
"""

LOOPING = """
import sys
from pathlib import Path
from salt_core.shelf import Shelf

def make(folder):
    lock = folder.parent.parent / "one-maker"
    lock.mkdir()
    (folder / "first").write_text("1")
    (folder / "last").write_text("2")
    lock.rmdir()

for _ in range(int(sys.argv[2])):
    with Shelf(Path(sys.argv[1]), keep=False).take("jets", make) as lease:
        assert {path.name for path in lease.path.iterdir()} == {"first", "last"}
"""


def make(folder: Path) -> None:
    (folder / "first").write_text("1")
    (folder / "last").write_text("2")


def make_not(folder: Path) -> None:
    raise AssertionError("made again")


def is_whole(path: Path) -> bool:
    return sorted(file.name for file in path.iterdir()) == ["first", "last"]


def entries_in(root: Path) -> list[str]:
    """Return the names of what a shelf for things that stay holds, parts that are being made included."""
    return sorted(path.name for path in root.iterdir() if path.name != ".locks-kept")


def guardian_of(root: Path, key: str = "jets") -> int:
    return int((root / ".locks-passing" / f"{key}.guard").read_text())


def kill_with_guardian(one: Stepped, root: Path) -> None:
    guardian = guardian_of(root)
    os.kill(guardian, signal.SIGKILL)
    until(lambda: not lives(guardian))
    one.end_by(signal.SIGKILL)

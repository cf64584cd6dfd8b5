"""Files to stage, and processes that stage them and are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

STAGE = """
import logging, sys
from pathlib import Path
from salt_plugins.staging.copy import staging

pause = sys.argv[1] == "pause"
if pause:
    class Bar:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def update(self, size):
            print("copying", flush=True)
            sys.stdin.readline()

    staging._bar = lambda text, size: Bar()
logging.basicConfig(level=logging.INFO, format="%(message)s")
print("ready", flush=True)
with staging.Copy().stage([Path(word) for word in sys.argv[3:]], Path(sys.argv[2])) as copies:
    print("staged", flush=True)
    sys.stdin.readline()
print("left", flush=True)
"""


class Stager:
    """A process that stages files and holds them until a line comes."""

    def __init__(self, *words: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", STAGE, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        self.says("ready")

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


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("SALT_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "source" / "jets.h5"
    path.parent.mkdir()
    path.write_bytes(os.urandom(100_000))
    return path


@pytest.fixture
def store(tmp_path) -> Path:
    """A folder of files, with a folder in it."""
    path = tmp_path / "store"
    (path / "inner").mkdir(parents=True)
    for name in ("a", "b", "inner/c"):
        (path / name).write_bytes(os.urandom(50_000))
    (path / "empty").touch()
    return path


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "fast"


@pytest.fixture
def stager(target):
    """Start a process that stages files; with ``pause`` it also stops after each piece that it copied."""
    started = []

    def start(*files: Path, pause: bool = False) -> Stager:
        started.append(Stager("pause" if pause else "run", target, *files))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end, "it did not come about in 10 s"
            time.sleep(0.002)

    return wait


@pytest.fixture
def kill_guardians(target, until) -> Callable[[], None]:
    def kill() -> None:
        for lock in target.glob("*/.locks-passing/*.guard"):
            text = lock.read_text()
            if text:
                os.kill(int(text), signal.SIGKILL)
                until(lambda pid=int(text): not lives(pid))

    return kill


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")

"""Files to stage, and processes that stage them and are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import Stepped, lives, until

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

    def start(*files: Path, pause: bool = False) -> Stepped:
        started.append(Stepped(STAGE, "pause" if pause else "run", target, *files))
        started[-1].says("ready")
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def kill_guardians(target) -> Callable[[], None]:
    def kill() -> None:
        for lock in target.glob("*/.locks-passing/*.guard"):
            text = lock.read_text()
            if text:
                os.kill(int(text), signal.SIGKILL)
                until(lambda pid=int(text): not lives(pid))

    return kill

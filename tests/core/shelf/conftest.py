"""A shelf, and processes that use it."""

from __future__ import annotations

import pytest
from processes import Stepped
from shelves import WORKER


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("SALT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "shelf"


@pytest.fixture
def worker(root):
    started = []

    def start(keep: str = "pass", script: str = WORKER) -> Stepped:
        started.append(Stepped(script, root, keep))
        return started[-1]

    yield start
    for one in started:
        one.close()

"""Plugins are told of a run: when it starts, and of each way in which it ends."""

from __future__ import annotations

import sys
from contextlib import suppress

import pytest
import yaml

from salt_core.errors import RunError
from salt_core.interfaces.run import Outcome, Run
from salt_core.registry.events import Listener
from salt_core.training.announcing import Announcer
from salt_core.training.boundary import Interrupted
from salt_core.training.record import RunRecord


@pytest.fixture
def heard() -> list[tuple[Run, Outcome | None]]:
    return []


@pytest.fixture
def record(heard, tmp_path):
    def started(run):
        assert (tmp_path / "metadata.yaml").exists()
        heard.append((run, None))

    def ended(run, outcome):
        told = yaml.safe_load((tmp_path / "metadata.yaml").read_text())
        assert told["exit_status"] == outcome.exit_status
        heard.append((run, outcome))

    who = ("watcher", "salt-watcher", "1")
    listeners = [
        Listener("salt_run_ended", ended, ("run", "outcome"), *who),
        Listener("salt_run_started", started, ("run",), *who),
    ]
    return RunRecord(Announcer(listeners, "tiny", tmp_path / "before"))


def test_the_run_is_described(record, heard, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["salt", "fit", "--name", "two words"])
    with record.until_the_end():
        record.start(tmp_path, {})
        ((run, nothing),) = heard
    assert (run.directory, run.name, run.parent, nothing) == (tmp_path, "tiny", tmp_path / "before", None)
    assert run.command == "salt fit --name 'two words'"
    assert heard[1:] == [(run, Outcome("finished", 0))]


@pytest.mark.parametrize(
    ("error", "checkpoint", "outcome"),
    [
        (RunError("the loss is nan"), True, Outcome("failed", 1, "the loss is nan")),
        (ValueError("odd"), False, Outcome("failed", 1, "ValueError: odd")),
        (Interrupted("stopped"), True, Outcome("resumable", 85)),
        (SystemExit(143), False, Outcome("interrupted", 143)),
        (KeyboardInterrupt(), True, Outcome("resumable", 130)),
    ],
    ids=str,
)
def test_each_end_is_told_once(record, heard, tmp_path, error, checkpoint, outcome):
    if checkpoint:
        (tmp_path / "ckpts").mkdir()
        (tmp_path / "ckpts" / "last.ckpt").touch()
    with suppress(BaseException), record.until_the_end():
        record.start(tmp_path, {})
        raise error
    record.end("finished", 0)
    assert [told for _, told in heard] == [None, outcome]


def test_a_rank_that_keeps_no_record_tells_nothing(record, heard):
    with record.until_the_end():
        pass
    assert heard == []

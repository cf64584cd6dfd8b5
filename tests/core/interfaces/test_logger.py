"""A logger that waits for the run directory, and what happens where the tracker fails."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from lightning.pytorch.loggers import Logger

from salt_core import ConfigError
from salt_core.interfaces.logger import RunLogger


class Notes(Logger):
    """Keeps what it is told, and fails where it is told to."""

    name, version = "notes", 3

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []
        self.fails = False

    def log_metrics(self, metrics, step=None):
        if self.fails:
            raise OSError("no\n  answer")
        self.told.append((step, metrics))

    def log_hyperparams(self, params):
        self.told.append(params)

    def finalize(self, status):
        self.told.append(status)


class Tracker(RunLogger):
    """Hands on to `Notes`."""

    needs = ("lightning", "lightning")

    def make(self, directory: Path) -> Logger:
        if directory.name == "refused":
            raise PermissionError("no key")
        self.notes = Notes()
        return self.notes


def test_nothing_is_told_before_the_run_has_its_folder(tmp_path):
    tracker = Tracker()
    tracker.log_metrics({"a": 1.0}, 1)
    tracker.log_hyperparams({"b": 1})
    tracker.finalize("success")
    assert (tracker.name, tracker.version, tracker.experiment) == (None, None, None)
    tracker.enter(tmp_path, {"name": "x", "data": {"loader": "hdf5", "files": ["a", "b"]}})
    tracker.log_hyperparams({"b": 1})
    tracker.log_metrics({"a": 1.0}, 1)
    tracker.finalize("success")
    options = {"name": "x", "data.loader": "hdf5", "data.files": "['a', 'b']"}
    assert tracker.notes.told == [options, (1, {"a": 1.0}), "success"]
    assert (tracker.name, tracker.version) == ("notes", 3)


def test_a_tracker_that_is_gone_is_told_once_and_ends_nothing(tmp_path, caplog):
    tracker = Tracker()
    tracker.enter(tmp_path, {})
    tracker.notes.fails = True
    with caplog.at_level(logging.WARNING, "salt.logger"):
        tracker.log_metrics({"a": 1.0}, 1)
        tracker.log_metrics({"a": 1.0}, 2)
    assert [record.getMessage() for record in caplog.records] == ["lightning: no answer; metrics.csv has all"]
    tracker.notes.fails = False
    tracker.log_metrics({"a": 1.0}, 3)
    assert tracker.notes.told[-1] == (3, {"a": 1.0})


def test_a_tracker_that_does_not_take_the_run_ends_it(tmp_path):
    with pytest.raises(ConfigError, match=r"trainer\.logger: lightning: no key"):
        Tracker().enter(tmp_path / "refused", {})

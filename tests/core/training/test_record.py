"""What metadata.yaml says when a run ends, is stopped, is killed, and goes on."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import yaml

from salt_core.errors import ConfigError, RunError
from salt_core.training.boundary import Interrupted
from salt_core.training.record import RunRecord


def read(folder):
    return yaml.safe_load((folder / "metadata.yaml").read_text())


def ended(folder, error: BaseException | None) -> tuple[str, int]:
    record = RunRecord()
    with pytest.raises(type(error)) if error else nullcontext(), record.until_the_end():
        record.start(folder, {"seed": 1})
        if error:
            raise error
    told = read(folder)
    assert told["started"] <= told["ended"]
    return told["outcome"], told["exit_status"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, ("finished", 0)),
        (RunError("the loss is\n not a number", "model"), ("failed: model: the loss is not a number", 1)),
        (ConfigError("no"), ("failed: no", 2)),
        (ValueError("odd"), ("failed: ValueError: odd", 1)),
        (ValueError(), ("failed: ValueError", 1)),
        (ValueError("x" * 5000), (f"failed: {'ValueError: ' + 'x' * 988}", 1)),
        (KeyboardInterrupt(), ("interrupted", 130)),
        (SystemExit(85), ("interrupted", 85)),
        (SystemExit(143), ("interrupted", 143)),
        (SystemExit("why"), ("failed: SystemExit: why", 1)),
        (Interrupted("stopped"), ("interrupted", 85)),
    ],
    ids=str,
)
def test_the_outcome_of_each_end(tmp_path, error, outcome):
    assert ended(tmp_path, error) == outcome


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(85), Interrupted("stopped")], ids=str)
def test_an_interrupted_run_with_a_checkpoint_can_go_on(tmp_path, error):
    (tmp_path / "ckpts").mkdir()
    (tmp_path / "ckpts" / "last.ckpt").touch()
    assert ended(tmp_path, error)[0] == "interrupted: resumable"


def test_a_killed_run_has_no_end(tmp_path):
    RunRecord().start(tmp_path, {"seed": 1})
    told = read(tmp_path)
    assert told.pop("started")
    assert told == {"ended": None, "outcome": None, "exit_status": None, "seed": 1}


def test_what_never_started_leaves_nothing(tmp_path):
    record = RunRecord()
    with pytest.raises(ConfigError), record.until_the_end():
        raise ConfigError("no")
    record.end("finished", 0)
    assert list(tmp_path.iterdir()) == []


def test_going_on_keeps_what_was_there_and_says_what_is_different(tmp_path):
    facts = {"host": "a", "command": "salt", "seed": 1, "versions": {"torch": "1"}}
    RunRecord().start(tmp_path, facts)
    first = read(tmp_path)
    parent = {"run": tmp_path.name, "checkpoint": "/x.ckpt", "epoch": 2, "step": 30}
    for host in ("a", "b"):
        record = RunRecord()
        with record.until_the_end():
            record.start(tmp_path, facts | {"host": host, "versions": {"torch": "2"}, "parent": parent})
    told = read(tmp_path)
    continued = told.pop("continued")
    assert told == first
    for part, host in zip(continued, ("a", "b"), strict=True):
        assert part.pop("started") <= part.pop("ended")
        assert part == {
            "outcome": "finished",
            "exit_status": 0,
            "host": host,
            "command": "salt",
            "versions": {"torch": "2"},
            "resumed_from": {"checkpoint": "/x.ckpt", "epoch": 2, "step": 30},
        }


def test_going_on_before_the_first_checkpoint(tmp_path):
    RunRecord().start(tmp_path, {"seed": 1})
    RunRecord().start(tmp_path, {"seed": 1})
    (part,) = read(tmp_path)["continued"]
    assert part["resumed_from"] is None
    assert part["ended"] is None


def test_a_record_that_is_none_is_not_overwritten(tmp_path):
    (tmp_path / "metadata.yaml").write_text("- no\n")
    record = RunRecord()
    with pytest.raises(ConfigError, match=r"metadata\.yaml"), record.until_the_end():
        record.start(tmp_path, {})
    assert (tmp_path / "metadata.yaml").read_text() == "- no\n"

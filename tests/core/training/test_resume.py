"""What a call of ``salt fit`` goes on from."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from salt_core.data.facts import DataFacts
from salt_core.errors import ConfigError
from salt_core.training import archive
from salt_core.training.resume import resumed_from
from salt_core.training.run_directory import RunDirectory
from salt_core.training.schedule import Cycle, LearningRate

CYCLE = Cycle.of(LearningRate(), 0, 30)


def write_run(root: Path, name: str, step: int, **more: object) -> Path:
    """Write a run directory with a checkpoint; more steps make it newer."""
    facts = DataFacts("jets", {}, {}, {}, {}, {}).to_plain()
    content = {"salt_config": "", "salt_facts": facts, "state_dict": {}, "epoch": 1, "global_step": step}
    path = root / name / "ckpts" / "last.ckpt"
    archive.save(content | more, path)
    os.utime(path.parent, (step, step))
    return path


def options(**given: object) -> SimpleNamespace:
    return SimpleNamespace(**{"name": "tiny", "resume": False, "ckpt_path": None} | given)


@pytest.fixture
def directory(tmp_path) -> RunDirectory:
    return RunDirectory(tmp_path, "tiny", "new")


def test_a_training_begins_anew_unasked(tmp_path, directory):
    write_run(tmp_path, "tiny_old", 7)
    assert resumed_from(options(), [], directory) is None
    assert resumed_from(options(resume=True), [], directory) is None


def test_a_checkpoint_tells_where_its_training_was(tmp_path, directory):
    more = {"salt_progress": {"metrics_rows": 5}, "salt_cycle": CYCLE.to_plain()}
    path = write_run(tmp_path, "tiny_old", 7, **more)
    found = resumed_from(options(ckpt_path=path), [], directory)
    assert (found.checkpoint, found.run) == (path, tmp_path / "tiny_old")
    assert (found.metrics_rows, found.cycle) == (5, CYCLE)
    assert found.describe() == {"run": "tiny_old", "checkpoint": str(path), "epoch": 1, "step": 7}


def test_a_checkpoint_of_an_older_version_tells_less(tmp_path, directory):
    path = write_run(tmp_path, "tiny_old", 7)
    found = resumed_from(options(ckpt_path=path), [], directory)
    assert (found.metrics_rows, found.cycle) == (0, None)


def test_resume_goes_on_in_the_same_directory(tmp_path, directory):
    path = write_run(tmp_path, "tiny_new", 7)
    write_run(tmp_path, "tiny_newer", 9)
    assert resumed_from(options(resume=True), [], directory).checkpoint == path


def test_last_is_of_the_newest_run_of_the_name(tmp_path, directory):
    for name, step in (("tiny_a", 7), ("tiny_b", 9), ("other_c", 11)):
        write_run(tmp_path, name, step)
    (tmp_path / "tiny_empty" / "ckpts").mkdir(parents=True)
    found = resumed_from(options(ckpt_path=Path("last")), [], directory)
    assert found.run == tmp_path / "tiny_b"


def test_last_is_of_the_run_whose_configuration_is_named(tmp_path, directory):
    for name, step in (("tiny_a", 7), ("tiny_b", 9)):
        write_run(tmp_path, name, step)
    configs = [tmp_path / "base.yaml", tmp_path / "tiny_a" / "config.yaml"]
    found = resumed_from(options(ckpt_path=Path("last")), configs, directory)
    assert found.run == tmp_path / "tiny_a"


def test_without_a_run_there_is_no_last(tmp_path, directory):
    write_run(tmp_path, "other_c", 11)
    with pytest.raises(ConfigError, match=r"--ckpt_path: no run of tiny in .* has a checkpoint"):
        resumed_from(options(ckpt_path=Path("last")), [], directory)

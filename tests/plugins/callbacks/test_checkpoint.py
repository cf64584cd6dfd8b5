"""Which checkpoints of a run are kept, and that a run that goes on keeps the best of the run before it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from salt_core.errors import ConfigError
from salt_core.training import archive
from salt_core.training.checkpoints import best_checkpoint, newest_checkpoint
from salt_core.training.run_files import read_metrics
from salt_plugins.callbacks.checkpoint import callback
from salt_plugins.callbacks.checkpoint.callback import Checkpoint

LOSSES = {
    "epoch=000-val_loss=3.00000": 3.0,
    "epoch=001-val_loss=1.00000": 1.0,
    "epoch=002-val_loss=2.00000": 2.0,
}


@pytest.fixture
def runs(tmp_path) -> tuple[Path, Path]:
    """The folders of the checkpoints of a run and of one that goes on from it."""
    old, new = tmp_path / "old" / "ckpts", tmp_path / "new" / "ckpts"
    old.mkdir(parents=True)
    for name in LOSSES:
        (old / f"{name}.ckpt").write_text(name)
    return old, new


def going_on(old: Path, new: Path, **options) -> Checkpoint:
    """Start a callback in `new` with the state that one in `old` had."""
    state = {
        "dirpath": str(old),
        "best_k_models": {str(old / f"{name}.ckpt"): torch.tensor(loss) for name, loss in LOSSES.items()},
    }
    made = Checkpoint(**options)
    made.dirpath = str(new)
    made.load_state_dict(state)
    strategy = SimpleNamespace(broadcast=lambda value: value)
    trainer = SimpleNamespace(
        ckpt_path=str(old / "last.ckpt"), is_global_zero=True, strategy=strategy, world_size=1
    )
    made.on_train_start(trainer, None)
    return made


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, [1.0]),
        ({"save_top_k": 2}, [1.0, 2.0]),
        ({"save_top_k": -1}, [1.0, 2.0, 3.0]),
        ({"save_top_k": 0}, []),
        ({"save_top_k": 2, "mode": "max"}, [3.0, 2.0]),
    ],
)
def test_the_best_of_the_run_before_are_taken_over(runs, recwarn, options, kept):
    old, new = runs
    made = going_on(old, new, **options)
    assert [score.item() for score in made.best_k_models.values()] == kept
    assert {path.read_text() for path in new.glob("*")} == {name for name in LOSSES if LOSSES[name] in kept}
    assert len(list(old.iterdir())) == 3
    assert not recwarn.list
    if kept:
        assert made.best_model_score == kept[0]
        assert made.kth_value == kept[-1]
        assert made.best_model_path == next(iter(made.best_k_models))
        assert made.kth_best_model_path == list(made.best_k_models)[-1]


def test_those_that_are_gone_are_no_longer_compared_with(runs):
    old, new = runs
    (old / "epoch=001-val_loss=1.00000.ckpt").unlink()
    made = going_on(old, new, save_top_k=2)
    assert list(made.best_k_models) == [str(new / "epoch=002-val_loss=2.00000.ckpt")]
    for path in old.iterdir():
        path.unlink()
    assert not going_on(old, new.with_name("other")).best_k_models


def test_a_disk_without_links(runs, monkeypatch):
    def refuse(*names):
        raise OSError(18, "Invalid cross-device link")

    old, new = runs
    monkeypatch.setattr(callback.os, "link", refuse)
    (best,) = map(Path, going_on(old, new).best_k_models)
    assert best.read_text() == best.stem
    assert best.stat().st_mtime_ns == (old / best.name).stat().st_mtime_ns  # or it would seem the newest


def test_a_time_that_is_none():
    with pytest.raises(ConfigError, match="every_n_minutes"):
        Checkpoint(every_n_minutes=0)


def minutes(sample, number: float) -> Path:
    """A configuration that has checkpoints written after so many minutes."""
    path = sample.folder / "minutes.yaml"
    path.write_text(yaml.safe_dump({"trainer": {"callbacks": {"checkpoint": {"every_n_minutes": number}}}}))
    return path


def test_checkpoints_by_time_go_when_the_training_is_done(sample, salt, the_run, monkeypatch):
    written = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: written.append(Path(to).name) or replace(self, to))
    done = salt("fit", "--config", sample.config, "--config", minutes(sample, 1e-9), "-f")
    assert done.code == 0, done.err
    steps = [name for name in written if "-step=" in name]
    assert steps == [f"epoch=000-step={step:07d}.ckpt" for step in (1, 2, 3, 4)]
    assert len(list((the_run(sample.folder) / "ckpts").iterdir())) == 2


@pytest.mark.parametrize("number", ["30", "null"])
def test_none_before_it_is_time(sample, salt, monkeypatch, number):
    written = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: written.append(Path(to).name) or replace(self, to))
    config = minutes(sample, yaml.safe_load(number))
    assert salt("fit", "--config", sample.config, "--config", config, "-f").code == 0
    assert "last.ckpt" in written
    assert not [name for name in written if "-step=" in name]


@pytest.mark.parametrize(
    ("words", "step"),
    [
        ((), 15),
        pytest.param(("--trainer.val_check_interval", "0.5"), 15, marks=pytest.mark.full),
        pytest.param(("--trainer.check_val_every_n_epoch", "2"), 15, marks=pytest.mark.full),
        (("--trainer.limit_val_batches", "0", "--trainer.callbacks.checkpoint.monitor", "train/loss"), 15),
        (("--trainer.max_steps", "13"), 13),
    ],
)
def test_the_last_one_is_the_last_one_whether_it_is_good_or_not(sample, salt, the_run, words, step):
    """The first epoch is taken for the best one here."""
    words = (*words, "--trainer.callbacks.checkpoint.mode", "max", "-f")
    done = salt("fit", "--config", sample.config, "--trainer.max_epochs", "3", *words)
    assert done.code == 0, done.err
    last = the_run(sample.folder) / "ckpts" / "last.ckpt"
    assert archive.load(last)["global_step"] == step
    if step == 15:  # and the training goes on behind it
        go_on = ("--ckpt_path", last, "--trainer.max_epochs", "4", "--model.lrs_config.last_epoch", "0")
        done = salt("fit", "--config", sample.config, *words, *go_on, "--log_suffix", "more")
        assert done.code == 0, done.err
        rows = read_metrics(sample.folder / "logs" / "tiny_more" / "metrics.csv")
        steps = [(int(row["epoch"]), int(row["step"])) for row in rows if row["train/flavour_loss"]]
        assert steps == [(step // 5, step) for step in range(20)]


def test_a_resumed_training_has_the_best_of_all_its_epochs(sample, salt):
    """A task weighs so much later on that the first epoch stays the best."""
    words = ("fit", "-f", "--log_suffix")
    first = salt(*words, "a", "--config", sample.config)
    assert first.code == 0, first.err
    old, new = (sample.folder / "logs" / f"tiny_{suffix}" for suffix in "ab")
    go_on = ("--trainer.max_epochs", "3", "--model.lrs_config.last_epoch", "0")
    go_on += ("--model.tasks.origin.weight", "9")
    again = salt(*words, "b", "--config", old / "config.yaml", "--ckpt_path", "last", *go_on)
    assert again.code == 0, again.err
    assert "dirpath has changed" not in again.err
    losses = [float(row["val/loss"]) for row in read_metrics(new / "metrics.csv") if row["val/loss"]]
    assert losses[0] < min(losses[1:])
    best = best_checkpoint(new)
    assert best.name.startswith("epoch=000")
    assert best.samefile(best_checkpoint(old))
    assert newest_checkpoint(new).name == "last.ckpt"
    assert salt("test", "--config", new / "config.yaml").code == 0
    assert [path.name for path in new.glob("ckpts/*.h5")] == [f"{best.stem}__test_test.h5"]

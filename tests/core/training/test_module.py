"""Trainings with combined losses, augmentations, other optimisers and schedules, from the command line."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from told import metrics_of

from salt_core import OptimizerFactory
from salt_core.errors import ConfigError
from salt_core.training import archive
from salt_core.training.module import SaltModule, _by_name
from salt_core.training.run_files import read_metrics
from salt_core.training.schedule import LearningRate

STOP = '''
"""Stops a training at a chosen moment, and moves its input."""

import os
import signal
import time
from dataclasses import replace

from lightning.pytorch import Callback

from salt_core import Augmentation, hookimpl


class Stop(Callback):
    """Stops where it is told to."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if os.environ.get("STOP_AT") == f"{trainer.current_epoch}.{batch_idx}":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)


class Shift(Augmentation):
    """Moves all input far away.

    Parameters
    ----------
    by : float, optional
        How far.
    """

    def __init__(self, by: float = 1.0) -> None:
        super().__init__()
        self.by = by

    def build(self, data):
        if self.by < 0:
            raise ValueError("backwards")

    def forward(self, batch):
        streams = {name: packed.with_x(packed.x + self.by) for name, packed in batch.streams.items()}
        return replace(batch, x=batch.x + self.by, streams=streams)


@hookimpl
def salt_callbacks():
    return {"stop": Stop}


@hookimpl
def salt_augmentations():
    return {"shift": Shift}
'''

TASKS = ("flavour", "origin", "vertexing")
STILL = "{initial: 1e-30, max: 1e-30, end: 1e-30, weight_decay: 0.0}"


@pytest.fixture
def fit(sample, salt) -> Callable[..., list[dict[str, str]]]:
    """Train, and return the metrics."""
    (sample.folder / "stop.py").write_text(STOP)

    def run(suffix: str, *words: object, code: int = 0) -> list[dict[str, str]]:
        given = ("--config", sample.config, "-f", "--plugins", "[stop.py]", "--log_suffix", suffix, *words)
        done = salt("fit", *given)
        assert done.code == code, done.err
        return read_metrics(folder_of(sample, suffix) / "metrics.csv")

    return run


def folder_of(sample, suffix: str) -> Path:
    return sample.folder / "logs" / f"tiny_{suffix}"


def same(one: object, two: object) -> bool:
    """Compare nested states to the bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


def test_gls_is_the_geometric_mean_in_training_and_validation(fit):
    rows = fit("gls", "--model.loss_mode", "GLS", "--data.batch_size", 50)
    for stage, number in (("train", 2), ("val", 1)):
        found = [row for row in rows if row.get(f"{stage}/loss")]
        assert len(found) == number
        for row in found:
            product = math.prod(float(row[f"{stage}/{task}_loss"]) for task in TASKS)
            assert float(row[f"{stage}/loss"]) == pytest.approx(product ** (1 / 3), rel=1e-5)


@pytest.mark.parametrize("command", ["fit", "check"])
def test_gls_with_a_weight_is_refused(sample, salt, command):
    words = ("--model.loss_mode", "GLS", "--model.tasks.origin.weight", "0.5")
    done = salt(command, "--config", sample.config, *words)
    assert done.code == 2
    assert "model.tasks.origin.weight: 0.5 has no effect on the geometric mean" in done.err


def test_augmentations_change_training_alone(fit):
    """Of weights that stay as they are, only the training losses differ."""
    still = ("--model.lrs_config", "{initial: 1e-30, max: 1e-30, end: 1e-30, weight_decay: 0.0}")
    plain = fit("plain", *still)
    shifted = fit("shifted", *still, "--model.augmentations", "{far: {plugin: shift, by: 5.0}, no: null}")

    def values(rows, column):
        return [row[column] for row in rows if row[column]]

    assert values(shifted, "val/loss") == values(plain, "val/loss")
    assert len(values(plain, "train/loss")) == 5
    changes = zip(values(shifted, "train/loss"), values(plain, "train/loss"), strict=True)
    assert all(abs(float(one) - float(two)) > 1e-3 for one, two in changes)


WRONG = {
    "{plugin: gaussian_noise, std: {track: {d0: 0.1}}}": "has no 'track'; did you mean 'tracks'?",
    "{plugin: gaussian_noise, std: {tracks: {hit: 0.1}}}": "no input variable of tracks; did you mean 'hits'?",
    "{plugin: shift, by: -1.0}": "cannot be made with these options: ValueError: backwards",
}


def test_wrong_augmentations_are_told_with_their_places(sample, salt):
    """Where the model cannot be built either, they are looked at all the same."""
    (sample.folder / "stop.py").write_text(STOP)
    flags = [(f"--model.augmentations.a{i}", given) for i, given in enumerate(WRONG)]
    words = ("--plugins", "[stop.py]", "-f", *(word for flag in flags for word in flag))
    for command, more in (("fit", ()), ("check", ("--model.tasks.flavour.label", "nothing"))):
        done = salt(command, "--config", sample.config, *words, *more)
        assert done.code == 2
        for i, said in enumerate(WRONG.values()):
            (line,) = [line for line in done.err.splitlines() if said in line]
            assert f"model.augmentations.a{i}" in line
        assert "Traceback" not in done.err
    assert "nothing" in done.err


class Refusing(OptimizerFactory):
    def build(self, model, learning_rate, weight_decay):
        raise ValueError(f"no rate of {learning_rate}")


def test_options_that_only_the_optimiser_refuses_are_told():
    module = SimpleNamespace(optimizer=Refusing(), lrs_config=LearningRate(initial=0.5))
    with pytest.raises(ConfigError, match=r"with these options: ValueError: no rate of 0\.5") as caught:
        SaltModule.make_optimizer(module)
    assert caught.value.where == "model.optimizer"


NOISE = "{noise: {plugin: gaussian_noise, std: {tracks: {d0: 0.5}, jets: {eta: 0.1}}}}"
RATES = "{max: 1e-2, pct_start: 0.3, schedule: cosine}"
NORMS = "{g: {plugin: gradient_norms, every_n_steps: 3}, w: {plugin: weight_norms, depth: 1}, stop: stop}"


@pytest.mark.parametrize(
    "words",
    [
        (
            "--model.optimizer",
            "{plugin: muon, lr_factor: 3.0}",
            "--model.lrs_config",
            RATES,
            "--model.loss_mode",
            "GLS",
        ),
        pytest.param(
            (
                "--model.optimizer",
                "lion",
                "--model.tasks.vertexing",
                "null",
                "--trainer.gradient_clip_val",
                "0.1",
            ),
            marks=pytest.mark.full,
        ),
    ],
    ids=["muon_cosine_gls", "lion_one_cycle_clipped"],
)
def test_a_stopped_training_goes_on_to_the_bit(sample, salt, fit, monkeypatch, words):
    words = (
        *words,
        "--model.augmentations",
        NOISE,
        "--trainer.callbacks",
        NORMS,
        "--trainer.max_epochs",
        "2",
    )
    whole = fit("whole", *words)
    monkeypatch.setenv("STOP_AT", "1.1")
    fit("cut", *words, code=85)
    monkeypatch.delenv("STOP_AT")
    fit("cut", *words, "--resume")
    one, two = (archive.load(folder_of(sample, name) / "ckpts" / "last.ckpt") for name in ("whole", "cut"))
    assert one["global_step"] == 10
    groups = one["optimizer_states"][0]["param_groups"]
    assert [group["lr"] / groups[-1]["lr"] for group in groups] == pytest.approx([3.0, 1.0][-len(groups) :])
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        assert same(one[key], two[key]), key
    assert metrics_of(folder_of(sample, "whole")) == metrics_of(folder_of(sample, "cut"))
    assert [row["step"] for row in whole if row["gradient_norm/total"]] == ["2", "5", "8"]
    assert len([row for row in whole if row["weight_norm/encoder"]]) == 10


@pytest.mark.full
def test_another_schedule_needs_a_new_cycle(sample, salt, fit):
    fit("first")
    last = folder_of(sample, "first") / "ckpts" / "last.ckpt"
    words = ("--ckpt_path", last, "--model.lrs_config.schedule", "cosine", "--trainer.max_epochs", "3")
    given = ("--config", sample.config, "-f", "--log_suffix", "second", *words)
    done = salt("fit", *given)
    assert done.code == 2
    assert "model.lrs_config.schedule: the checkpoint is in a cycle of the schedule 'one_cycle'" in done.err
    monitor = (
        "{class_path: lightning.pytorch.callbacks.LearningRateMonitor, init_args: {logging_interval: step}}"
    )
    rows = fit("third", *words, "--model.lrs_config.last_epoch", "0", "--trainer.callbacks.lr", monitor)
    rates = [float(row["lr-AdamW"]) for row in rows if row.get("lr-AdamW")]
    assert rates[-10:] == pytest.approx(cosine_rates())


def cosine_rates() -> list[float]:
    """Return the default rates over 10 steps, of which 1% is no step at all."""
    down = [(step + 0.9) / 9.9 for step in range(10)]
    return [1e-5 + (5e-4 - 1e-5) * (1 + math.cos(math.pi * share)) / 2 for share in down]


@pytest.mark.parametrize("name", ["", "a.b", "train"])
def test_a_name_that_torch_has_another_use_for_is_refused(name):
    with pytest.raises(ConfigError) as told:
        _by_name({"flavour": torch.nn.Identity(), name: torch.nn.Identity()}, "model.tasks")
    assert str(told.value) == f"model.tasks: {name!r} cannot be a name; choose another one, without a dot"

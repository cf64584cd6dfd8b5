"""The troubleshooting section: losses that are no number are explained, and every remedy runs on a CPU."""

from __future__ import annotations

import csv

import h5py
import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch.plugins.precision import Precision

PLUGIN = '''
import torch

from salt_core import Loss, hookimpl


class Failing(Loss):
    """Goes wrong at the third training step."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.calls = 0

    def forward(self, predictions, targets):
        """Give cross entropy twice, then fail as told."""
        values = torch.nn.functional.cross_entropy(predictions.float(), targets, reduction="none")
        self.calls += torch.is_grad_enabled()
        if self.calls < 3:
            return values
        if self.how == "gradient":
            return values + (values * 0).sqrt()
        return values * float("nan")


@hookimpl
def salt_losses():
    return {"failing": Failing}
'''


@pytest.fixture
def fit(sample, salt):
    """Fit the tiny model with a run directory called a."""

    def run(*words: object):
        first = ("fit", "--config", sample.config, "--force", "--log_suffix", "a")
        done = salt(*first, *words)
        assert "nobody foresaw" not in done.err
        return done

    return run


@pytest.fixture
def failing(sample, fit):
    """Fit with a loss that goes wrong as told, in the third step."""

    def run(how: str, *words: object):
        (sample.folder / "failing.py").write_text(PLUGIN)
        loss = ("--plugins", "[failing.py]", "--model.tasks.flavour.loss", f"{{plugin: failing, how: {how}}}")
        return fit(*loss, *words)

    return run


def seen(sample, step: int = 2) -> dict:
    return yaml.safe_load((sample.folder / "logs" / "tiny_a" / f"nan_step{step}.yaml").read_text())


def rates(sample) -> list[dict[str, str]]:
    with (sample.folder / "logs" / "tiny_a" / "metrics.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["train/loss"]]


def weights(sample, name: str = "a") -> dict[str, torch.Tensor]:
    path = sample.folder / "logs" / f"tiny_{name}" / "ckpts" / "last.ckpt"
    return torch.load(path)["state_dict"]


def test_a_loss_that_is_nan_names_task_step_norm_remedies_and_the_rows_of_its_jets(sample, failing):
    done = failing("loss")
    assert done.code == 1
    for said in (
        "the loss of flavour is not finite at step 2 (epoch 0)",
        "The gradient's norm was",
        "at step 1.",
        "logs/tiny_a/nan_step2.yaml",
        "--trainer.gradient_clip_val 1",
        "--trainer.detect_anomaly true",
    ):
        assert said in done.err
    assert "--trainer.precision" not in done.err
    assert "--trainer.devices" not in done.err
    found = seen(sample)
    assert (found["step"], found["epoch"], len(found["rows"])) == (2, 0, 20)
    assert np.isnan(found["losses"]["flavour"])
    assert np.isfinite(found["losses"]["origin"])
    assert found["gradient_norm"]["step"] == 1
    assert found["gradient_norm"]["value"] > 0
    assert found["learning_rate"] > 0
    assert found["files"] == [str(sample.file("train"))]
    assert found["parameters_not_finite"] == []
    # Batches of the HDF5 loader are contiguous.
    assert found["rows"] == list(range(found["rows"][0], found["rows"][0] + 20))


def test_a_gradient_that_is_not_finite_is_noticed_though_the_loss_is(sample, failing):
    """What is set already is not suggested."""
    precision = ("--trainer.precision", "bf16-mixed")
    done = failing(
        "gradient", "--trainer.gradient_clip_val", "1", *precision, "--model.tasks.origin.weight", "9"
    )
    assert done.code == 1
    assert "is not finite, though the loss is at step 2" in done.err
    assert "the gradient of " in done.err
    assert np.isfinite(seen(sample)["losses"]["flavour"])
    told = done.err.partition("Things to try: ")[2]
    assert "--trainer.gradient_clip_val" not in told
    assert "--trainer.precision 32-true, now bf16-mixed" in told
    assert "smaller task weights, now origin 9" in told


def test_anomaly_detection_names_the_operation(failing):
    done = failing("gradient", "--trainer.detect_anomaly", "true")
    assert done.code == 1
    assert "going backward: Function 'MulBackward0' returned nan values" in done.err
    assert "--trainer.detect_anomaly" not in done.err.partition("error: ")[2]


def test_nothing_is_written_by_a_run_that_writes_nothing(sample, failing):
    done = failing("loss", "--trainer.fast_dev_run", "4")
    assert done.code == 1
    assert "is not finite at step 2" in done.err
    assert not list(sample.folder.rglob("nan_step*"))


@pytest.mark.parametrize(
    "precision", ["32-true", "bf16-mixed", pytest.param("16-mixed", marks=pytest.mark.full)]
)
def test_clipping_bounds_the_step(sample, fit, monkeypatch, precision):
    """Those after clipping are at most the limit, and those before were above it."""
    norms = []
    clip = Precision.clip_grad_by_norm

    def measured(self, optimizer, value):
        norms.append(norm_of(optimizer))
        clip(self, optimizer, value)
        norms.append(norm_of(optimizer))

    def norm_of(optimizer) -> float:
        return torch.nn.utils.get_total_norm(
            [p.grad for g in optimizer.param_groups for p in g["params"]]
        ).item()

    monkeypatch.setattr(Precision, "clip_grad_by_norm", measured)
    assert fit("--trainer.gradient_clip_val", "0.01", "--trainer.precision", precision).code == 0
    assert min(norms[::2]) > 0.011
    assert norms[1::2] == pytest.approx([0.01] * 5, rel=0.01)
    assert all(torch.isfinite(value).all() for value in weights(sample).values())


def test_accumulated_gradients_step_less_often(sample, fit):
    assert fit("--trainer.accumulate_grad_batches", "2").code == 0
    checkpoint = torch.load(sample.folder / "logs" / "tiny_a" / "ckpts" / "last.ckpt")
    assert checkpoint["global_step"] == 3  # of 5 batches


def test_the_batch_size_finder_finds_a_larger_batch(sample, fit):
    finder = "{class_path: BatchSizeFinder, init_args: {max_trials: 2, steps_per_trial: 1, init_val: 4}}"
    done = fit("--trainer.callbacks.finder", finder, "--data.batch_size", "4")
    assert done.code == 0, done.err
    assert "Batch size 4 succeeded, trying batch size 8" in done.err
    checkpoint = torch.load(sample.folder / "logs" / "tiny_a" / "ckpts" / "last.ckpt")
    assert 0 < checkpoint["global_step"] < 25  # that of batches of 4


def test_a_label_out_of_range_is_told_on_the_host(sample, fit, monkeypatch):
    """Beyond the sample of the first look too: every batch is checked before it goes to the device."""
    with h5py.File(sample.file("train"), "r+") as file:
        rows = file["jets"][:]
        rows["flavour_label"][55] = 7
        file["jets"][:] = rows
    monkeypatch.setattr("salt_core.training.flow.look_first", lambda *given: None)
    done = fit()
    assert done.code == 1
    assert "model.tasks.flavour" in done.err
    assert "label jets/flavour_label holds 7" in done.err
    assert "row 55" in done.err


@pytest.mark.full
@pytest.mark.parametrize("compiled", ["true", "graphs"])
def test_compiled(sample, salt_process, compiled):
    words = ("fit", "--config", sample.config, "--force", "--log_suffix", "a", "--compile", compiled)
    done = salt_process(*words, cwd=sample.folder, timeout=600)
    assert done.code == 0, done.err
    assert len(rates(sample)) == 5


@pytest.mark.full
def test_two_devices_and_one_that_diverges(sample, salt_process):
    (sample.folder / "failing.py").write_text(PLUGIN)
    loss = ("--plugins", "[failing.py]", "--model.tasks.flavour.loss", "{plugin: failing, how: loss}")
    words = (
        "fit",
        "--config",
        sample.config,
        "--force",
        "--log_suffix",
        "a",
        *loss,
        "--trainer.devices",
        "2",
    )
    done = salt_process(*words, cwd=sample.folder, timeout=120)
    assert done.code == 1, done.err
    assert "Traceback" not in done.err
    assert "the loss of flavour is not finite at step 2" in done.err
    assert "--trainer.devices 1, now 2" in done.err
    assert list((sample.folder / "logs" / "tiny_a").glob("nan_step2*.yaml"))

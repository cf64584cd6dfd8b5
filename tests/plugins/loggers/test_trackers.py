"""Trainings that trackers are told of, for real as far as their packages are here."""

from __future__ import annotations

import math

import pytest

from salt_core.training.run_files import read_metrics


def train(sample, salt, *words: object):
    done = salt("fit", "--config", sample.config, "-f", "--log_suffix", "a", *words)
    return done, sample.folder / "logs" / "tiny_a"


def test_tensorboard_has_the_metrics_and_the_configuration(sample, salt):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done, run = train(sample, salt, "--trainer.logger", "tensorboard")
    assert done.code == 0, done.err
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    rows = [row for row in read_metrics(run / "metrics.csv") if row["val/loss"]]
    told = [(event.step, event.value) for event in events.Scalars("val/loss")]
    assert [step for step, _ in told] == [int(row["step"]) for row in rows]
    assert [value for _, value in told] == pytest.approx([float(row["val/loss"]) for row in rows], rel=1e-6)
    assert "model.encoder.plugin: " in (run / "tensorboard" / "hparams.yaml").read_text()


@pytest.mark.full
def test_mlflow_has_the_metrics_and_the_configuration(sample, salt, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    place = (sample.folder / "mlruns").as_uri()
    done, run = train(sample, salt, "--trainer.logger", f"{{plugin: mlflow, tracking_uri: '{place}'}}")
    assert done.code == 0, done.err
    client = mlflow.MlflowClient(place)
    (told,) = client.search_runs([client.get_experiment_by_name("salt").experiment_id])
    assert (told.info.run_name, told.info.status) == ("tiny_a", "FINISHED")
    assert told.data.params["model.encoder.plugin"]
    last = [row for row in read_metrics(run / "metrics.csv") if row["val/loss"]][-1]
    assert math.isclose(told.data.metrics["val/loss"], float(last["val/loss"]), rel_tol=1e-6)


@pytest.mark.parametrize("name", ["comet", "wandb", "mlflow", "tensorboard"])
def test_a_package_that_is_missing_is_told_before_anything_starts(sample, salt, monkeypatch, name):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    done, run = train(sample, salt, "--trainer.logger", name)
    assert done.code == 2
    package = {"comet": "comet-ml"}.get(name, name)
    assert f"trainer.logger: needs {package}, which is not installed: pip install {package}" in done.err
    assert not run.exists()

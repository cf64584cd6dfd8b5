"""The examples of docs/hooks.md at work, each as a project-local plugin."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from torch import nn

from salt_core import DataFacts, Encoded, JetBatch, Layout, Packed, RunError
from salt_core.interfaces.batch import Job, State
from salt_core.interfaces.dataloader import LoadRequest, Position, Selection


@pytest.fixture
def facts() -> DataFacts:
    """Jets with two variables, tracks with one."""
    return DataFacts("jets", {"jets": ("pt", "eta"), "tracks": ("d0",)}, {}, {}, {}, {})


@pytest.fixture
def batch() -> JetBatch:
    """Three jets with no, one and two tracks."""
    tracks = Packed(torch.tensor([[1.0], [2.0], [3.0]]), Layout.of(np.array([0, 1, 2])))
    columns = {"jets": {"mass": torch.tensor([1.0, 2.0, 4.0])}}
    return JetBatch("jets", torch.zeros(3, 2), {"tracks": tracks}, columns, torch.arange(3))


def test_salt_encoders(example_class, facts, batch):
    encoder = example_class("salt_encoders", "encoder", "mean")(size=4)
    assert encoder.build(facts) == Encoded(6, {"tracks": 4})
    streams = encoder.encode(batch)
    pooled = encoder.pool(streams, batch)
    assert streams["tracks"].x.shape == (3, 4)
    assert pooled.shape == (3, 6)
    assert torch.equal(pooled[0, 2:], torch.zeros(4))
    assert torch.allclose(pooled[2, 2:], streams["tracks"].x[1:].mean(0))


def test_salt_tasks(example_class, facts, batch):
    loss = example_class("salt_losses", "loss", "absolute")()
    task = example_class("salt_tasks", "task", "jet_regression")("mass", loss, weight=2.0)
    task.build(Encoded(6, {}), facts)
    predictions = task(torch.zeros(3, 6), {}, batch)
    assert (task.columns(), task.weight) == ({"jets": ["mass"]}, 2.0)
    assert torch.allclose(
        task.loss(predictions, batch), (predictions - batch.raw("jets")["mass"]).abs().mean()
    )
    assert torch.equal(task.outputs(predictions, batch)["jets"]["mass_pred"], predictions)


def test_salt_losses(example_class):
    loss = example_class("salt_losses", "loss", "absolute")(scale=10.0)
    assert loss(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0])).tolist() == [20.0, 0.0]


def test_salt_dataloaders(example_class):
    variables = {"jets": ("pt", "eta"), "tracks": ("d0",)}
    selection = Selection("jets", variables, {"tracks": ("origin",)}, {}, {})
    loader = example_class("salt_dataloaders", "dataloader", "noise")(constituents=2)

    def batches_from(position: Position) -> list[JetBatch]:
        built = loader.build(LoadRequest((Path(),), selection, batch_size=4, seed=1))
        built.load_state_dict({"epoch": position.epoch, "batch": position.batch})
        return list(built)

    whole, rest, other = (
        batches_from(Position(1, 0)),
        batches_from(Position(1, 7)),
        batches_from(Position(2, 0)),
    )
    assert [len(whole), len(rest), len(other)] == [10, 3, 10]
    assert torch.equal(whole[7].x, rest[0].x)
    assert not torch.equal(whole[0].x, other[0].x)
    assert whole[0].streams["tracks"].x.shape == (8, 1)
    assert whole[0].raw("tracks")["origin"].shape == (8,)
    built = loader.build(LoadRequest((Path(),), selection, batch_size=4))
    assert not torch.equal(next(iter(built)).x, list(built)[-1].x)


def test_salt_staging(example_class, tmp_path):
    files = [tmp_path / "a" / "jets.h5", tmp_path / "b" / "jets.h5"]
    for file in files:
        file.parent.mkdir()
        file.write_text(file.parent.name)
    target = tmp_path / "fast"
    target.mkdir()
    with example_class("salt_staging", "staging", "scratch")().stage(files, target) as copies:
        assert [copy.read_text() for copy in copies] == ["a", "b"]
        assert all(target in copy.parents for copy in copies)
    assert list(target.iterdir()) == []


def test_salt_batch_backends(example_class, tmp_path, monkeypatch):
    backend = example_class("salt_batch_backends", "batch", "pbs")(queue="long")
    command = ["salt", "fit", "--name", "my run"]
    job = Job("gn2", command, tmp_path, "gn2-1", requeue=True, options={"l": "walltime=1:00:00"})
    files = backend.render(job)
    assert files == {
        "gn2-1.sh": f"#!/bin/bash\n#PBS -N gn2\n#PBS -q long\n#PBS -o {tmp_path}/gn2-1.log\n#PBS -j oe\n"
        "#PBS -l walltime=1:00:00\nsalt fit --name 'my run'\n[ $? -eq 85 ] && qrerun \"$PBS_JOBID\"\n"
    }
    (tmp_path / "gn2-1.sh").write_text(files["gn2-1.sh"])
    programs = {
        "qsub": 'test -f "$1" && echo 7.host',
        "qstat": "echo 7.host gn2 R long",
        "qdel": "echo gone >&2; exit 3",
    }
    for name, body in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert backend.submit(job) == "7.host"
    assert backend.status("7.host") == State("running", "R")
    with pytest.raises(RunError, match=r"qdel 7\.host failed: gone"):
        backend.cancel("7.host")


def test_salt_optimizers(example_class):
    model = nn.Linear(3, 2)
    optimizer = example_class("salt_optimizers", "optimizer", "sgd")(0.5).build(model, 0.1, 0.01)
    assert [(len(g["params"]), g["weight_decay"], g["momentum"]) for g in optimizer.param_groups] == [
        (1, 0.01, 0.5),
        (1, 0.0, 0.5),
    ]
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_salt_augmentations(example_class, facts, batch):
    augmentation = example_class("salt_augmentations", "augmentation", "flip")({"tracks": ["d0"]})
    augmentation.build(facts)
    before = batch.streams["tracks"].x.clone()
    ratios = [(augmentation(batch).streams["tracks"].x / before)[:, 0].tolist() for _ in range(40)]
    assert {tuple(ratio) for ratio in ratios} == {(a, b, b) for a in (1, -1) for b in (1, -1)}
    assert torch.equal(batch.streams["tracks"].x, before)
    assert augmentation.state_dict() == {}


def test_salt_loggers(example, sample, salt):
    words = ("--plugins", f"[{example('salt_loggers')}]", "--trainer.logger", "{plugin: lines, name: told}")
    done = salt("fit", "--config", sample.config, "-f", "--log_suffix", "a", *words)
    assert done.code == 0, done.err
    name, *lines = (sample.folder / "logs" / "tiny_a" / "told").read_text().splitlines()
    assert name == "tiny"
    assert any("val/loss" in line for line in lines)


def test_salt_commands(example, sample, salt, monkeypatch):
    monkeypatch.setenv("SALT_PLUGINS", str(example("salt_commands")))
    assert "count-jets  Count the jets of a file." in salt("--help").out
    counted = salt("count-jets", sample.file("test"))
    assert (counted.code, counted.out) == (0, "45\n")
    assert "Count the jets of a file." in salt("plugins", "show", "command", "count-jets").out


def test_salt_callbacks(example, sample, salt, the_run):
    """Train with encoder, task, loss, optimiser and the like of the examples: the core knows no GN2."""
    files = ("encoders", "tasks", "losses", "callbacks", "optimizers", "augmentations")
    config = {
        "name": "examples",
        "plugins": [str(example(f"salt_{name}")) for name in files],
        "model": {
            "encoder": {"plugin": "mean", "size": 4},
            "tasks": {"flavour": None, "origin": None, "vertexing": None}
            | {
                "energy": {
                    "plugin": "jet_regression",
                    "column": "pt",
                    "loss": {"plugin": "absolute", "scale": 0.01},
                }
            },
            "optimizer": {"plugin": "sgd", "momentum": 0.5},
            "augmentations": {"mirror": {"plugin": "flip", "variables": {"tracks": ["d0", "z0"]}}},
        },
        "trainer": {"callbacks": {"norm": {"plugin": "weight_norm", "every": 1}}},
    }
    file = sample.folder / "examples.yaml"
    file.write_text(yaml.safe_dump(config))
    done = salt("fit", "--config", sample.config, "--config", file, "--force")
    assert done.code == 0, done.err
    run = the_run(sample.folder)
    heading, *rows = (run / "metrics.csv").read_text().splitlines()
    assert "weight_norm" in heading.split(",")
    assert "train/energy_loss" in heading.split(",")
    assert len(rows) >= 5
    saved = yaml.safe_load((run / "config.yaml").read_text())
    assert saved["model"]["encoder"] == {"plugin": "mean", "size": 4}
    assert saved["model"]["tasks"]["energy"]["loss"] == {"plugin": "absolute", "scale": 0.01}
    assert len(saved["plugins"]) == len(files)
    assert all(run in Path(path).parents for path in saved["plugins"])

    assert salt("test", "--config", run / "config.yaml", "--data.test_file", sample.file("test")).code == 0
    (predictions,) = run.rglob("*.h5")
    with h5py.File(predictions) as written, h5py.File(sample.file("test")) as given:
        assert written["jets"]["event"].tolist() == given["jets"]["event"].tolist()
        assert np.isfinite(written["jets"]["examples_pt_pred"]).all()


def test_a_model_trains_on_the_example_dataloader(example, sample, salt, monkeypatch):
    words = ("fit", "--config", sample.config, "--data.loader", "noise", "--trainer.fast_dev_run", "2")
    unknown = salt(*words)
    assert (unknown.code, "there is no dataloader 'noise'" in unknown.err) == (2, True)
    monkeypatch.setenv("SALT_PLUGINS", str(example("salt_dataloaders")))
    done = salt(*words)
    assert done.code == 0, done.err


def test_salt_run_started(example, sample, salt, monkeypatch, the_run):
    monkeypatch.setenv("SALT_PLUGINS", str(example("salt_run_started")))
    assert salt("fit", "--config", sample.config, "--force").code == 0
    (line,) = (sample.folder / "logs" / "runs.txt").read_text().splitlines()
    assert line.startswith(f"{the_run(sample.folder, 'logs/tiny_*').name} started: ")


def test_salt_run_ended(example, sample, salt, monkeypatch, the_run):
    monkeypatch.setenv("SALT_PLUGINS", str(example("salt_run_ended")))
    done = salt("fit", "--config", sample.config, "--force", "--model.lrs_config.max", "1e38")
    (line,) = (sample.folder / "logs" / "runs.txt").read_text().splitlines()
    assert done.code == 1
    assert line.startswith(f"{the_run(sample.folder, 'logs/tiny_*').name} failed 1 ")
    assert "not finite" in line


@pytest.mark.full
def test_a_run_that_is_stopped_to_be_resumed_is_told_so(example, sample, salt_process, monkeypatch):
    monkeypatch.setenv("SALT_PLUGINS", str(example("salt_run_ended")))
    words = ("fit", "--config", sample.config, "--force", "--trainer.max_epochs", "10000", "--time_limit")
    assert salt_process(*words, "30", cwd=sample.folder).code == 85
    (line,) = (sample.folder / "logs" / "runs.txt").read_text().splitlines()
    assert line.split(" ")[1:3] == ["resumable", "85"]

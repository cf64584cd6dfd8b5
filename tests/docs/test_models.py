"""The examples of docs/models.md at work, in a tiny model."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from numpy.lib.recfunctions import append_fields

from salt_core.registry import Registry

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def examples_of(chapter: str) -> list[str]:
    """Find the YAML of a second-level heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[chapter]
    return re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def add_momenta(path: Path) -> None:
    """Give the tracks of a file what pair features are computed from."""
    rng = np.random.default_rng(1)
    with h5py.File(path, "r+") as file:
        tracks = file["tracks"][:]
        names = ["pt", "eta", "phi"]
        momenta = [1000 * rng.exponential(size=tracks.shape), *rng.uniform(-2, 2, (2, *tracks.shape))]
        del file["tracks"]
        file["tracks"] = append_fields(
            tracks.ravel(), names, [column.ravel() for column in momenta], usemask=False
        ).reshape(tracks.shape)


@pytest.mark.parametrize("example", examples_of("Encoders"))
def test_encoders_are_trained_for_a_step(sample, salt, example):
    config = yaml.safe_load(sample.config.read_text())
    config["model"]["encoder"] = yaml.safe_load(example)["encoder"]
    config["model"]["tasks"] = {"flavour": config["model"]["tasks"]["flavour"]}
    sample.config.write_text(yaml.safe_dump(config, sort_keys=False))
    for name in ("train", "val"):
        add_momenta(sample.file(name))
    outcome = salt("fit", "--config", sample.config, "--force", "--trainer.fast_dev_run", "1")
    assert outcome.code == 0, outcome.err


def add_targets(path: Path) -> None:
    """Give the jets of a file what the chapter of tasks predicts, and weights."""
    with h5py.File(path, "r+") as file:
        jets, attributes = file["jets"][:], dict(file["jets"].attrs)
        names = ["true_pt", "true_mass", "reco_pt", "weight"]
        columns = [jets["pt"] + number for number in range(1, 5)]
        del file["jets"]
        file["jets"] = append_fields(jets, names, columns, usemask=False)
        file["jets"].attrs.update(attributes)


@pytest.mark.parametrize("example", examples_of("Tasks"))
def test_tasks_are_trained_for_a_step(sample, salt, example):
    config = yaml.safe_load(sample.config.read_text())
    config["model"]["tasks"] = yaml.safe_load(example)["tasks"]
    sample.config.write_text(yaml.safe_dump(config, sort_keys=False))
    for name in ("train", "val"):
        add_targets(sample.file(name))
    outcome = salt("fit", "--config", sample.config, "--force", "--trainer.fast_dev_run", "1")
    assert outcome.code == 0, outcome.err


TRAINING = ("Combination of losses", "Optimisers and schedules", "Augmentation", "Watching")


@pytest.mark.parametrize("example", [example for chapter in TRAINING for example in examples_of(chapter)])
def test_what_concerns_training_is_trained_with(sample, salt, example):
    file = sample.folder / "example.yaml"
    file.write_text(example)
    configs = ("--config", sample.config, "--config", file)
    outcome = salt("fit", *configs, "--force", "--trainer.fast_dev_run", "1")
    assert outcome.code == 0, outcome.err


def test_losses_can_be_made():
    registry = Registry.discover([])
    losses = [yaml.safe_load(example)["loss"] for example in examples_of("Losses")]
    for options in losses:
        name = options.pop("plugin")
        registry.resolve("loss", name)(**options)
    assert len(losses) == 5


def test_the_tables_have_all_tasks_losses_and_optimisers():
    registry, page = Registry.discover([]), PAGE.read_text()
    for kind in ("task", "loss", "optimizer"):
        assert [name for name in registry.names(kind) if f"| `{name}` |" not in page] == []

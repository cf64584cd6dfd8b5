"""The examples of docs/models.md at work, in a tiny model."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from numpy.lib.recfunctions import append_fields

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

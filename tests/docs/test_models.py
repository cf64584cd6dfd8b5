"""The examples of docs/models.md at work, in a tiny model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def examples_of(chapter: str) -> list[str]:
    """Find the YAML of a second-level heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[chapter]
    return re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", examples_of("Encoders"))
def test_encoders_are_trained_for_a_step(sample, salt, example):
    config = yaml.safe_load(sample.config.read_text())
    config["model"]["encoder"] = yaml.safe_load(example)["encoder"]
    config["model"]["tasks"] = {"flavour": config["model"]["tasks"]["flavour"]}
    sample.config.write_text(yaml.safe_dump(config, sort_keys=False))
    outcome = salt("fit", "--config", sample.config, "--force", "--trainer.fast_dev_run", "1")
    assert outcome.code == 0, outcome.err

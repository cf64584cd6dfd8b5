from __future__ import annotations

import re

import pytest
import yaml


@pytest.mark.parametrize("name", ["", "a.b", "train"])
def test_a_name_that_torch_has_another_use_for_is_refused(sample, salt, name):
    config = yaml.safe_load(sample.config.read_text())
    config["model"]["tasks"] = {name: config["model"]["tasks"]["flavour"]}
    sample.config.write_text(yaml.safe_dump(config, sort_keys=False))
    outcome = salt("fit", "--config", sample.config, "--force")
    assert outcome.code == 2
    assert re.search(rf"error: model\.tasks( \(tiny\.yaml\))?: {name!r} cannot be a name", outcome.err)

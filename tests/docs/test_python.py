"""The examples of docs/python.md at work."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_examples_run(sample, salt):
    words = ("--name", "GN2", "--log_suffix", "20261125-T101500", "-f")
    head = "{plugin: classification, input_name: jets, label: flavour_label, loss: cross_entropy}"
    tasks = f"{{jets_classification: {head[:-1]}, hidden_layers: [8]}}, flavour: null}}"
    assert salt("fit", "--config", sample.config, *words, "--model.tasks", tasks).code == 0
    sample.file("test").rename("ttbar_test.h5")
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)
    assert len(names["jets"]) == 45
    assert names["few"]["tracks"].shape == (45, 6)
    assert names["model"].class_names["jets_classification"] == ("bjets", "cjets", "ujets", "taus")

"""The file that docs/data.md makes is one that can be trained on."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

PAGE = Path(__file__).parents[2] / "docs" / "data.md"


def test_the_file_that_the_page_makes_is_one_to_train_on(salt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    exec(compile(example, str(PAGE), "exec"), {})
    shown = salt("data", "inspect", "train.h5").out
    assert re.search(r"flavour_label\n +0  bjets .*\n +1  cjets .*\n +2  ujets ", shown)
    assert salt("data", "norm", "train.h5", "--out", "dicts").code == 0
    head = {"plugin": "classification", "input_name": "jets", "label": "flavour_label", "hidden_layers": [8]}
    config = {
        "model": {
            "encoder": {"plugin": "deepsets", "init_nets": {"tracks": {}}, "embed_dim": 8, "out_dim": 8},
            "tasks": {"flavour": {**head, "loss": {"plugin": "cross_entropy", "weight": "class_dict"}}},
        },
        "data": {
            "variables": {"jets": ["pt", "eta"], "tracks": ["d0", "z0"]},
            **dict.fromkeys(("train_file", "val_file"), "train.h5"),
            **{name: f"dicts/{name}.yaml" for name in ("norm_dict", "class_dict")},
            "num_workers": 0,
        },
        "trainer": {"accelerator": "cpu", "precision": "32-true"},
    }
    Path("my.yaml").write_text(yaml.safe_dump(config))
    done = salt("fit", "--config", "my.yaml", "--trainer.fast_dev_run", "1")
    assert done.code == 0, done.err

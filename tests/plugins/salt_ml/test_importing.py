"""Checkpoints of salt-ml that lack something, or hold something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import salt_core
from salt_core.config.yaml import dump_yaml, load_yaml
from salt_core.training.checkpoints import CONFIG_KEY


def without(*starts: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a change of a checkpoint: no weights whose names start so."""
    return lambda content: {
        **content,
        "state_dict": {
            name: value for name, value in content["state_dict"].items() if not name.startswith(starts)
        },
    }


def with_stds(value: float) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda content: {
        **content,
        "state_dict": content["state_dict"] | {"norm.jets_stds": torch.tensor([1.0, value])},
    }


NORMS, CLASSES = "norm.", "model.tasks.1.loss.weight"


@pytest.fixture
def imported(old_run, old_config, old_state, salt, tmp_path):
    """Import a changed checkpoint, with changes of ``data``."""

    def run(change, words=(), **data):
        torch.save(change(old_state), old_run)
        old_config["data"] |= data
        (tmp_path / "old" / "config.yaml").write_text(dump_yaml(old_config))
        return salt("import", old_run, "--out", "new", *words)

    return run


@pytest.mark.parametrize(
    ("change", "data", "code", "told"),
    [
        (lambda content: {"epoch": 3}, {}, 2, "is no checkpoint of salt-ml: it has no weights"),
        (lambda content: [1, 2], {}, 2, "is no checkpoint of salt-ml: it has no weights"),
        (lambda content: {**content, CONFIG_KEY: "{}"}, {}, 2, "is a checkpoint of this salt; use it as it is"),
        (without("norm.jets_stds"), {}, 2, "has a normalisation of jets for none of its 2 variables"),
        (with_stds(0.0), {}, 1, "jets/eta_btagJes: the standard deviation in the checkpoint is 0.0"),
        (with_stds(float("nan")), {}, 1, "the standard deviation in the checkpoint is nan"),
        (without(NORMS), {"norm_dict": None}, 2, "--norm_dict: neither checkpoint nor configuration have"),
        (without(CLASSES), {"class_dict": None}, 2, "has the class weights of tracks/ftagTruthOriginLabel"),
        (without("model.encoder.layers.1."), {}, 2, "has nothing for encoder.layers.1."),
    ],
)  # fmt: skip
def test_what_cannot_be_imported(imported, tmp_path, change, data, code, told):
    done = imported(change, **data)
    assert done.code == code, done.err
    assert told in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "new").exists()


def test_dicts_of_the_configuration_take_the_place_of_what_the_checkpoint_lacks(
    imported, old_config, tmp_path
):
    done = imported(without(NORMS, CLASSES))
    assert done.code == 0, done.err
    for name, labels in (
        ("norm_dict", {"jets": "pt_btagJes"}),
        ("class_dict", {"tracks": "ftagTruthOriginLabel"}),
    ):
        made, given = load_yaml(tmp_path / "new" / f"{name}.yaml"), load_yaml(Path(old_config["data"][name]))
        for group, label in labels.items():
            assert made[group][label] == given[group][label]
    state = salt_core.load("new").module.state_dict()
    assert state["tasks.track_origin.loss_function.weight"].tolist() == pytest.approx(
        made["tracks"]["ftagTruthOriginLabel"]
    )


def test_a_training_file_that_is_gone(imported, old_config, tmp_path):
    """Its tasks name their classes; those of origins salt-ml knows by itself."""
    modules = old_config["model"]["model"]["init_args"]["tasks"]["init_args"]["modules"]
    modules[0]["init_args"]["class_names"] = ["bjets", "cjets", "ujets", "taus"]
    done = imported(dict, train_file=str(tmp_path / "gone.h5"), val_file=str(tmp_path / "gone.h5"))
    assert done.code == 0, done.err
    names = salt_core.load("new").class_names
    assert names["jets_classification"] == ("bjets", "cjets", "ujets", "taus")
    assert names["track_origin"][3] == "FromB"


def test_what_is_left_out_is_listed_beside_the_result(imported, tmp_path):
    done = imported(dict, non_finite_to_num=True)
    assert done.code == 0, done.err
    assert "Left out:\n  data.non_finite_to_num: true (" in done.err
    assert load_yaml(tmp_path / "new" / "metadata.yaml")["left_out"] == [
        "data.non_finite_to_num: true (values that are not finite are refused here; mend the files)"
    ]


def test_a_place_that_cannot_be_written(old_run, salt, tmp_path):
    (tmp_path / "file").write_text("")
    for words in (["import", old_run], ["import", "--config_only", "old/config.yaml"]):
        done = salt(*words, "--out", "file/new")
        assert done.code == 1, done.err
        assert "file/new cannot be written: " in done.err
        assert "Traceback" not in done.err

"""``salt data norm``: which datasets and fields it takes, of one file and of several."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import yaml
from dicts import assert_same_as_numpy, norm_of, with_types


def test_variables_by_name_are_taken_whatever_the_rules_say(sample, salt):
    words = [f"--variables={name}" for name in ("jets/event", "/tracks/d0", "jets/flavour_label")]
    norms, classes, _ = norm_of(salt, "train.h5", *words)
    assert {name: list(columns) for name, columns in norms.items()} == {
        "jets": ["event", "flavour_label"],
        "tracks": ["d0"],
    }
    assert_same_as_numpy(norms, ["train.h5"])
    assert list(classes["jets"]) == ["flavour_label"]


def test_a_configuration_names_objects_and_their_datasets(sample, salt):
    with h5py.File("train.h5", "r+") as file:
        file.move("tracks", "deep/tracks_loose")
    changed = {"variables": {"jets": ["eta"], "tracks": ["hits"], "muons": ["pt"]}}
    Path("one.yaml").write_text(yaml.safe_dump({"data": changed}))
    layer = {"input_map": {"tracks": "deep/tracks_loose"}, "variables": {"muons": None}}
    Path("two.yaml").write_text(yaml.safe_dump({"data": layer}))
    norms, _, _ = norm_of(salt, "train.h5", "--config", "one.yaml", "--config", "two.yaml")
    assert {name: list(columns) for name, columns in norms.items()} == {"jets": ["eta"], "tracks": ["hits"]}


def test_a_nested_dataset_is_an_object_by_its_path(sample, salt):
    with h5py.File("train.h5", "r+") as file:
        file.move("tracks", "deep/tracks")
    norms, classes, _ = norm_of(salt, "train.h5", "--label", "deep/tracks/origin")
    assert "d0" in norms["deep/tracks"]
    assert "origin" not in norms["deep/tracks"]
    assert len(classes["deep/tracks"]["origin"]) == 8


def test_datasets_that_are_no_objects_are_told(sample, salt):
    with h5py.File("train.h5", "r+") as file:
        file["counts"] = np.zeros(1, dtype=[("n", "i4")])
        file["edges"] = np.arange(3.0)
        file["flows"] = np.zeros((100, 2), dtype=[("pt", "f4")])
        file["gone"] = h5py.SoftLink("/nowhere")
    norms, _, out = norm_of(salt, "train.h5")
    assert norms.keys() == {"jets", "tracks"}
    assert re.search(r"counts +it has 1 rows, another dataset 100", out)
    assert re.search(r"edges +it has no named fields", out)
    assert re.search(
        r"flows +shape \(100, 2\) is neither one row per jet nor slots with a field 'valid'", out
    )


def test_fields_that_are_no_numbers_are_told(sample, salt):
    with h5py.File("train.h5", "r+") as file:
        rows = np.zeros(100, dtype=[("m", "f4"), ("name", "S4"), ("pair", "f4", (2,)), ("good", "?")])
        rows["m"], rows["good"][:25] = np.arange(100), True
        file["extra"] = rows
    norms, _, out = norm_of(salt, "train.h5")
    assert norms["extra"].keys() == {"m", "good"}
    assert norms["extra"]["good"]["mean"] == 0.25
    assert re.search(r"extra/name +\S+ is not a number", out)
    assert "extra/pair" in out


def test_files_of_different_types(sample, salt):
    with_types(sample.file("val"), "tracks", {"d0": "f4"})
    outcome = salt("data", "norm", "train.h5", "val.h5", "--out", "dicts")
    assert outcome.code == 2
    assert re.search(r"tracks/d0 is float32 in \S*val.h5, but float16 in train.h5", outcome.err)
    assert not Path("dicts").exists()
    norm_of(salt, "train.h5", "val.h5", "--variables", "tracks/z0")


def test_files_of_different_fields_datasets_and_classes(sample, salt):
    with h5py.File("val.h5", "r+") as file:
        file["jets"].attrs["flavour_label"] = ["cjets", "bjets", "ujets", "taus"]
        del file["tracks"]
        rows = file["jets"][:][["eta", "flavour_label", "event"]]
        attributes = dict(file["jets"].attrs)
        del file["jets"]
        file["jets"] = rows
        file["jets"].attrs.update(attributes)
    outcome = salt("data", "norm", "train.h5", "val.h5", "--out", "dicts")
    assert outcome.code == 2
    assert re.search(r"val.h5 has no structured dataset 'tracks', unlike train.h5", outcome.err)
    assert re.search(r"jets/pt is missing in \S*val.h5, but float32 in train.h5", outcome.err)
    assert re.search(r"classes of jets/flavour_label are cjets, bjets, .* but bjets, cjets", outcome.err)


def test_datasets_of_different_length(sample, salt):
    with h5py.File("val.h5", "r+") as file:
        tracks = file["tracks"][:40]
        del file["tracks"]
        file["tracks"] = tracks
    outcome = salt("data", "norm", "train.h5", "val.h5", "--out", "dicts")
    assert outcome.code == 1
    assert re.search(r"val.h5 differ in length: .*'jets': 50, 'tracks': 40", outcome.err)

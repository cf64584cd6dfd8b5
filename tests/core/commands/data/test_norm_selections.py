"""``salt data norm`` with cuts of ``data.selections``."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from dicts import norm_of

from salt_core.data import blocks


@pytest.mark.parametrize("block_bytes", [700, 1 << 20])
def test_what_selections_leave_out_does_not_count(sample, salt, monkeypatch, block_bytes):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    selections = {"jets": ["pt > 30", "pt < 120"], "tracks": ["hits >= 4"]}
    config = {"data": {"variables": {"jets": ["pt"], "tracks": ["z0"]}, "selections": selections}}
    Path("cut.yaml").write_text(yaml.safe_dump(config))
    norms, classes, told = norm_of(salt, "--config", "cut.yaml", sample.file("train"), sample.file("val"))
    jets, tracks = [], []
    for name in ("train", "val"):
        with h5py.File(sample.file(name)) as file:
            passing = (file["jets"]["pt"] > 30) & (file["jets"]["pt"] < 120)
            jets.append(file["jets"][:][passing])
            rows = file["tracks"][:][passing]
            tracks.append(rows[rows["valid"] & (rows["hits"] >= 4)])
    jets, tracks = np.concatenate(jets), np.concatenate(tracks)
    assert 0 < len(jets) < 150
    assert f"150 jets of 2 files, of which {len(jets)} pass data.selections" in told
    for name, variable, values in (("jets", "pt", jets["pt"]), ("tracks", "z0", tracks["z0"])):
        scale = norms[name][variable]
        assert scale["mean"] == pytest.approx(values.mean(dtype=np.float64), rel=1e-12)
        assert scale["std"] == pytest.approx(values.std(dtype=np.float64), rel=1e-12)
    counts = np.bincount(jets["flavour_label"], minlength=4)
    assert classes["jets"]["flavour_label"] == pytest.approx(len(jets) / (4 * counts))


def test_cuts_on_jets_hold_where_only_constituents_are_normalised(sample, salt):
    config = {"data": {"variables": {"tracks": ["z0"]}, "selections": {"jets": ["pt > 30"]}}}
    Path("cut.yaml").write_text(yaml.safe_dump(config))
    norms, _, _ = norm_of(salt, "--config", "cut.yaml", sample.file("train"))
    with h5py.File(sample.file("train")) as file:
        rows = file["tracks"][:][file["jets"]["pt"] > 30]
    assert norms["tracks"]["z0"]["mean"] == pytest.approx(
        rows["z0"][rows["valid"]].mean(dtype=np.float64), rel=1e-12
    )


@pytest.mark.parametrize(
    ("selections", "text"),
    [
        ({"jets": ["ptt > 30"]}, "data.selections: dataset '/jets' of train.h5 has no variable 'ptt'"),
        ({"tracks": ["hitz > 3"]}, "has no variable 'hitz'; did you mean 'hits'"),
        ({"jets": ["pt above 3"]}, "--config, data.selections.jets: 'pt above 3' is no condition"),
        ({"jets": "pt > 3"}, "--config, data.selections.jets: must be a list of conditions"),
    ],
)
def test_selections_that_cannot_be(sample, salt, selections, text):
    config = {"data": {"variables": {"jets": ["pt"], "tracks": ["z0"]}, "selections": selections}}
    Path("cut.yaml").write_text(yaml.safe_dump(config))
    done = salt("data", "norm", "--config", "cut.yaml", sample.file("train"), "--out", "dicts")
    assert done.code == 2
    assert text in done.err


def test_cuts_on_jets_want_as_many_jets_as_the_others_have_rows(sample, salt):
    with h5py.File(sample.file("train"), "r+") as file:
        rows = file["jets"][:-1]
        del file["jets"]
        file["jets"] = rows
    config = {"data": {"variables": {"tracks": ["z0"]}, "selections": {"jets": ["pt > 30"]}}}
    Path("cut.yaml").write_text(yaml.safe_dump(config))
    done = salt("data", "norm", "--config", "cut.yaml", sample.file("train"), "--out", "dicts")
    assert done.code == 2
    assert "have 99 and 100 rows, so that cuts on 'jets' say nothing" in done.err

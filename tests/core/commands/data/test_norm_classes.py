"""``salt data norm``: class weights, and labels that can have none."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from dicts import change, columns_of, norm_of


def test_negative_labels_are_no_class(sample, salt):
    change(sample.file("train"), "jets", "flavour_label", slice(None, None, 7), -2)
    _, classes, _ = norm_of(salt, "train.h5")
    labels = columns_of(["train.h5"], "jets", "flavour_label")
    known = labels[labels >= 0]
    weights = [len(known) / (4 * (known == c).sum()) for c in range(4)]
    assert len(known) < len(labels)
    assert classes["jets"]["flavour_label"] == pytest.approx(weights, rel=1e-14)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "class 2 (ujets) of the 4 from 0 to 3 never occur"),
        (7, "has the value 7, but the file names only 4"),
    ],
)
def test_labels_that_miss_a_class_or_have_one_too_many(sample, salt, value, said):
    with h5py.File("train.h5") as file:
        third = file["jets"]["flavour_label"] == 2
    change(sample.file("train"), "jets", "flavour_label", third, value)
    _, classes, out = norm_of(salt, "train.h5")
    assert classes == {}
    assert said in out
    outcome = salt("data", "norm", "train.h5", "--label", "jets/flavour_label", "--out", "asked")
    assert outcome.code == 2
    assert "--label jets/flavour_label" in outcome.err
    assert said in outcome.err
    assert not Path("asked").exists()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros(100), "fewer than two classes"),
        (np.full(100, -1), "fewer than two classes"),
        (np.arange(100) % 4 + 1, "class 0 of the 5 from 0 to 4 never occur"),
        (np.arange(100) * 3, "classes 1, 2, 4, 5, 7 and 193 more of the 298"),
    ],
)
def test_labels_without_names_must_be_contiguous(sample, salt, labels, said):
    with h5py.File("train.h5", "r+") as file:
        del file["jets"].attrs["flavour_label"]
    change(sample.file("train"), "jets", "flavour_label", slice(None), labels)
    assert said in norm_of(salt, "train.h5")[2]

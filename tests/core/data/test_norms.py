"""Norm dicts and class dicts, and what is told of those that cannot be used."""

from __future__ import annotations

import re

import pytest

from salt_core import ConfigError
from salt_core.data.norms import class_weights, normalisation
from salt_core.errors import SaltError

VARIABLES = {"jets": ("pt", "eta"), "tracks": ("d0",)}
DATASETS = {"jets": "jets", "tracks": "constituents"}
WHOLE = """
jets: {pt: {mean: 1, std: 2.5}, eta: {mean: -1.0e-3, std: 1}}
constituents: {d0: {mean: 0, std: 3}, unused: {mean: .nan, std: 0}}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "dict.yaml"
        path.write_text(text)
        return path

    return write


def test_scales_are_in_the_order_of_the_variables_by_object_or_dataset(written):
    means, stds = normalisation(written(WHOLE), VARIABLES, DATASETS)
    assert means == {"jets": (1.0, -0.001), "tracks": (0.0,)}
    assert stds == {"jets": (2.5, 1.0), "tracks": (3.0,)}


def test_an_object_without_variables_needs_no_entry(written):
    means, _ = normalisation(written(WHOLE), {"jets": ("pt",), "hits": ()}, {"jets": "jets", "hits": "hits"})
    assert means == {"jets": (1.0,), "hits": ()}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("jets:", "jet:"), "has no object 'jets'; did you mean 'jet'?"),
        (("eta:", "etta:"), "jets/eta: {path} does not have it; did you mean 'etta'?"),
        (
            ("mean: 1,", "mean: none,"),
            "jets/pt: {path} needs numbers 'mean' and 'std' here, got {{'mean': 'none'",
        ),
        (("std: 2.5", "sigma: 2.5"), "jets/pt: {path} needs numbers 'mean' and 'std' here, got"),
        (("{mean: 1, std: 2.5}", "2.5"), "jets/pt: {path} needs numbers 'mean' and 'std' here, got 2.5"),
        (
            ("std: 2.5", "std: 0"),
            "jets/pt: mean 1.0, std 0.0 in {path}; both must be finite and std above zero",
        ),
        (("std: 2.5", "std: -1"), "both must be finite and std above zero"),
        (("mean: 1,", "mean: .inf,"), "jets/pt: mean inf, std 2.5 in {path}"),
    ],
)
def test_scales_that_cannot_be_used(written, change, told):
    path = written(WHOLE.replace(*change))
    with pytest.raises(ConfigError, match=re.escape(told.format(path=path))) as caught:
        normalisation(path, VARIABLES, DATASETS)
    assert caught.value.where.startswith("data.norm_dict")


def test_all_faults_are_told_together(written):
    with pytest.raises(SaltError, match="2 mistakes") as caught:
        normalisation(
            written("jets: {pt: 1, eta: {mean: 0, std: 0}}\nconstituents: {d0: {mean: 0, std: 1}}"),
            VARIABLES,
            DATASETS,
        )
    assert [error.where for error in caught.value.errors] == [
        "data.norm_dict, jets/pt",
        "data.norm_dict, jets/eta",
    ]


def test_weights_of_classes(written):
    assert class_weights(None) == {}
    assert class_weights(written("jets: {flavour: [1, 2.5]}\ntracks: {origin: [3]}")) == {
        "jets": {"flavour": (1.0, 2.5)},
        "tracks": {"origin": (3.0,)},
    }


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        ("jets: [1, 2]", "data.class_dict", "object 'jets' must hold a mapping of labels, got [1, 2]"),
        (
            "jets: {flavour: 3}",
            "data.class_dict, jets/flavour",
            "must be a list with a number for each class, got 3",
        ),
        ("jets: {flavour: [1, b]}", "data.class_dict, jets/flavour", "got [1, 'b']"),
    ],
)
def test_weights_that_cannot_be_used(written, text, where, told):
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        class_weights(written(text))
    assert caught.value.where == where


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="not set; give the path of a YAML file"):
        normalisation(None, VARIABLES, DATASETS)
    with pytest.raises(ConfigError, match="does not exist"):
        class_weights(tmp_path / "none.yaml")

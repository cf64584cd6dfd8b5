"""Which weights of a checkpoint a new training starts with, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from salt_core.data.facts import DataFacts
from salt_core.data.normalise import Normaliser
from salt_core.errors import ConfigError
from salt_core.training import archive
from salt_core.training.starting import differences, take_weights

FACTS = DataFacts("jets", {"jets": ("pt", "eta")}, {"jets": (50.0, 0.0)}, {"jets": (20.0, 1.0)}, {}, {})
SWAPPED = replace(FACTS, variables={"jets": ("eta", "pt")})
RESCALED = replace(FACTS, means={"jets": (40.0, 0.0)})


def make_model(facts: DataFacts = FACTS, **heads: int) -> nn.Module:
    """Make a model with a head of so many outputs by each name."""
    parts = {name: nn.Linear(3, size) for name, size in heads.items()}
    return nn.ModuleDict({"normalise": Normaliser(facts), "encoder": nn.Linear(2, 3), **parts})


@pytest.fixture
def other() -> nn.Module:
    """The model of the checkpoint."""
    return make_model(flavour=4, origin=8)


@pytest.fixture
def checkpoint(other, tmp_path) -> Path:
    content = {"salt_config": "", "salt_facts": FACTS.to_plain(), "epoch": 0, "global_step": 1}
    path = tmp_path / "ckpts" / "epoch=000-val_loss=1.00000.ckpt"
    archive.save({**content, "state_dict": other.state_dict()}, path)
    return path


def same(one: nn.Module, two: nn.Module) -> bool:
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return all(torch.equal(mine, theirs) for mine, theirs in pairs)


@pytest.mark.parametrize("strict", [True, False])
def test_all_weights_are_taken_where_they_are_the_same_by_name_and_shape(checkpoint, other, strict, caplog):
    model = make_model(flavour=4, origin=8)
    assert not same(model, other)
    with caplog.at_level("INFO", "salt.weights"):
        take_weights(model, FACTS, checkpoint, strict)
    assert same(model, other)
    assert caplog.messages == [f"6 of 6 weights are those of {checkpoint}"]


def test_a_run_directory_stands_for_its_best_checkpoint(checkpoint, other):
    archive.save({}, checkpoint.with_name("last.ckpt"))
    model = make_model(flavour=4, origin=8)
    take_weights(model, FACTS, checkpoint.parents[1], strict=True)
    assert same(model, other)


def test_what_differs_is_told_and_left_as_it_is(checkpoint, other, caplog):
    model = make_model(flavour=2, mass=1)
    before = model["flavour"].weight.clone()
    with caplog.at_level("INFO", "salt.weights"):
        take_weights(model, FACTS, checkpoint, strict=False)
    assert same(model["encoder"], other["encoder"])
    assert torch.equal(model["flavour"].weight, before)
    assert caplog.messages[0].split("\n  ") == [
        f"2 of 6 weights are those of {checkpoint}",
        "2 new here, as they are initialised: mass.weight (1, 3), mass.bias (1)",
        "2 of another shape there, as they are initialised: flavour.weight (2, 3), there (4, 3), "
        "flavour.bias (2), there (4)",
        "2 only there, and left out: origin.weight (8, 3), origin.bias (8)",
    ]


def test_strict_refuses_any_difference(checkpoint):
    model = make_model(flavour=4)
    before = model["encoder"].weight.clone()
    with pytest.raises(
        ConfigError, match=r"^model\.init_from: .* allows no difference; 2 only there.* origin\."
    ):
        take_weights(model, FACTS, checkpoint, strict=True)
    assert torch.equal(model["encoder"].weight, before)


def test_nothing_that_fits_is_refused(checkpoint):
    with pytest.raises(ConfigError, match=r"^model\.init_from: no weight of .* fits the model; 2 new here"):
        take_weights(nn.ModuleDict({"own": nn.Linear(2, 2)}), FACTS, checkpoint, strict=False)


def test_the_normalisation_is_that_of_the_configuration(checkpoint, caplog):
    model = make_model(RESCALED, flavour=4, origin=8)
    with caplog.at_level("WARNING", "salt.weights"):
        take_weights(model, RESCALED, checkpoint, strict=True)
    assert model["normalise"].jets_mean.tolist() == [40.0, 0.0]
    assert caplog.messages == [
        "model.init_from: the weights know jets by another normalisation than that of data.norm_dict"
    ]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (FACTS, []),
        (SWAPPED, ["the weights know jets by pt, eta; data.variables has eta, pt"]),
        (RESCALED, ["the weights know jets by another normalisation than that of data.norm_dict"]),
        (replace(FACTS, variables={"tracks": ("d0",)}), []),
    ],
    ids=["the_same", "swapped", "rescaled", "another_object"],
)
def test_input_that_is_otherwise_is_told(now, told):
    assert list(differences(FACTS, now)) == told

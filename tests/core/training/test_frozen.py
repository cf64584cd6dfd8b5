"""Which parts of a model are kept as they are."""

from __future__ import annotations

import pytest
from torch import nn

from salt_core.errors import ConfigError
from salt_core.training.frozen import freeze


@pytest.fixture
def model() -> nn.Module:
    heads = nn.ModuleDict({"flavour": nn.Linear(3, 4), "origin": nn.Linear(3, 8)})
    return nn.ModuleDict({"encoder": nn.Sequential(nn.Linear(2, 3), nn.Dropout()), "tasks": heads})


def trained(model: nn.Module) -> list[str]:
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def test_nothing_is_frozen_unasked(model):
    assert freeze(model, []) == ()
    assert trained(model) == [name for name, _ in model.named_parameters()]


def test_parts_and_single_parameters_take_no_gradient(model):
    assert freeze(model, ["encoder", "tasks.origin.bias"]) == (model["encoder"],)
    assert trained(model) == ["tasks.flavour.weight", "tasks.flavour.bias", "tasks.origin.weight"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("encodr", "did you mean 'encoder'? Choices: encoder, tasks"),
        ("tasks.orign", "did you mean 'tasks.origin' or"),
        ("tasks.origin.head.bias", "did you mean 'tasks.origin.bias'"),
        ("encoder.1", "Choices: encoder.0"),
    ],
)
def test_an_unknown_part_is_told_with_those_beside_it(model, name, hint):
    with pytest.raises(ConfigError) as told:
        freeze(model, ["encoder", name])
    assert str(told.value).startswith(f"model.freeze: the model has no part {name!r}; ")
    assert hint in str(told.value)
    assert len(trained(model)) == 6


def test_something_has_to_be_left(model):
    with pytest.raises(ConfigError, match=r"model\.freeze: every parameter is frozen"):
        freeze(model, ["encoder", "tasks"])

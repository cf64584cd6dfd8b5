from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional

from salt_core import ConfigError, Target
from salt_plugins.losses.focal.loss import Focal

NAMES = ("b", "c", "u")
WEIGHTS = [3.0, 0.5, 1.0]
TARGETS = torch.tensor([0, 1, 2, 2, 2, 0, 1])


def built(gamma=2.0, weight=None) -> Focal:
    loss = Focal(gamma, weight)
    assert loss.prepare(Target("jets/flavour", NAMES, (1.0, 2.0, 4.0), "classes")) == 3
    return loss


def logits() -> torch.Tensor:
    return torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_formula(gamma):
    share = logits().softmax(-1)[torch.arange(7), TARGETS]
    expected = -((1 - share) ** gamma) * share.log()
    torch.testing.assert_close(built(gamma)(logits(), TARGETS), expected)
    factors = torch.tensor(WEIGHTS, dtype=torch.float64)[TARGETS]
    weighted = (factors * expected).sum() / factors.sum()
    torch.testing.assert_close(built(gamma, WEIGHTS)(logits(), TARGETS).mean(), weighted)


@pytest.mark.parametrize("weight", [None, WEIGHTS, "class_dict"], ids=str)
def test_without_gamma_it_is_cross_entropy(weight):
    factors = {"class_dict": [1.0, 2.0, 4.0]}.get(str(weight), weight)
    factors = None if factors is None else torch.tensor(factors, dtype=torch.float64)
    expected = functional.cross_entropy(logits(), TARGETS, weight=factors)
    torch.testing.assert_close(built(0.0, weight)(logits(), TARGETS).mean(), expected)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_gradients_are_those_of_finite_differences(gamma):
    loss = built(gamma, WEIGHTS)
    assert torch.autograd.gradcheck(lambda x: loss(x, TARGETS), logits().requires_grad_())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_sure_and_wrong_entries_have_finite_gradients(gamma):
    predictions = torch.tensor([[200.0, 0.0, 0.0], [-200.0, 0.0, 0.0]], requires_grad=True)
    values = built(gamma)(predictions, torch.tensor([0, 0]))
    values.sum().backward()
    torch.testing.assert_close(values, torch.tensor([0.0, 200.0 + torch.tensor(2.0).log().item()]))
    assert torch.isfinite(predictions.grad).all()


def test_probabilities_are_shares():
    torch.testing.assert_close(built().probabilities(logits()), logits().float().softmax(-1))


@pytest.mark.parametrize("gamma", [-1.0, float("nan"), float("inf")])
def test_an_exponent_that_is_none(gamma):
    with pytest.raises(ConfigError, match=re.escape(f"{gamma} is no exponent of 0 or more")) as caught:
        Focal(gamma)
    assert caught.value.where == "gamma"


def test_the_exponent_is_2_unless_told_otherwise():
    assert Focal().gamma == 2


def test_class_weights_are_checked():
    with pytest.raises(ConfigError, match="2 class weights, but label jets/flavour has 3 classes"):
        built(2.0, [1.0, 2.0])


def test_numbers_are_no_classes():
    with pytest.raises(ConfigError, match="Focal compares predictions with classes, and jets/pt is given as"):
        Focal().prepare(Target("jets/pt", kind="values"))

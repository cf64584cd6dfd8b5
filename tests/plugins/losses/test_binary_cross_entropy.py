from __future__ import annotations

import re

import pytest
import torch
from torch import nn
from torch.nn import functional

from salt_core import ConfigError, Target
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy


def test_one_value_per_entry():
    torch.manual_seed(0)
    logits, targets = torch.randn(6), torch.tensor([0, 1, 1, 0, 1, 0])
    p = logits.sigmoid()
    expected = -torch.where(targets == 1, p.log(), (1 - p).log())
    torch.testing.assert_close(BinaryCrossEntropy()(logits, targets), expected)
    torch.testing.assert_close(BinaryCrossEntropy()(logits, targets == 1), expected)


def test_huge_logits_stay_finite():
    values = BinaryCrossEntropy()(torch.tensor([1e4, -1e4]), torch.tensor([0, 1]))
    torch.testing.assert_close(values, torch.tensor([1e4, 1e4]))


def test_half_precision_is_computed_in_float32():
    logits = torch.randn(5, dtype=torch.bfloat16)
    values = BinaryCrossEntropy()(logits, torch.ones(5))
    torch.testing.assert_close(values, functional.softplus(-logits.float()))


def test_the_weight_of_ones_is_torchs():
    torch.manual_seed(0)
    logits, targets = torch.randn(6), torch.tensor([0, 1, 1, 0, 1, 0])
    theirs = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0))(logits, targets.float())
    torch.testing.assert_close(BinaryCrossEntropy(2.0)(logits, targets).mean(), theirs)


@pytest.mark.parametrize("pos_weight", [1.0, 3.0])
def test_gradients_are_those_of_finite_differences(pos_weight):
    loss, targets = BinaryCrossEntropy(pos_weight), torch.tensor([0, 1, 1, 0])
    logits = torch.randn(4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), logits)


def test_two_classes_need_one_logit():
    loss = BinaryCrossEntropy()
    assert loss.prepare(Target("jets/flavour", ("light", "b"), kind="classes")) == 1
    assert loss.prepare(Target("tracks/vertex", kind="flags")) == 1
    torch.manual_seed(0)
    logits, targets = torch.randn(4, 1), torch.tensor([0, 1, 1, 0])
    shares = loss.probabilities(logits)
    torch.testing.assert_close(shares, torch.cat([1 - logits.sigmoid(), logits.sigmoid()], 1))
    torch.testing.assert_close(loss(logits, targets), -shares[torch.arange(4), targets].log())
    assert loss.probabilities(torch.tensor([[40.0]]))[0, 0] > 0, "1 - s would be 0 in float32"


def test_other_numbers_of_classes_are_refused():
    message = (
        "binary_cross_entropy tells two classes apart, but label jets/flavour has 3: b, c, u; "
        "cross_entropy is for any number"
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        BinaryCrossEntropy().prepare(Target("jets/flavour", ("b", "c", "u"), kind="classes"))
    with pytest.raises(
        ConfigError, match="compares predictions with classes or flags of 0 or 1, and jets/pt"
    ):
        BinaryCrossEntropy().prepare(Target("jets/pt", kind="values"))


@pytest.mark.parametrize("pos_weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none(pos_weight):
    with pytest.raises(ConfigError, match=re.escape(f"{pos_weight} is no factor above 0")) as caught:
        BinaryCrossEntropy(pos_weight)
    assert caught.value.where == "pos_weight"

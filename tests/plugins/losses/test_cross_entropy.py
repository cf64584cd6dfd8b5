from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from salt_core import ConfigError, Target
from salt_plugins.losses.cross_entropy.loss import CrossEntropy

NAMES = ("b", "c", "u")


def built(weight=None, class_weights=(1.0, 2.0, 4.0)) -> CrossEntropy:
    loss = CrossEntropy(weight)
    loss.build(Target("jets/flavour", NAMES, class_weights))
    return loss


@pytest.mark.parametrize(
    ("weight", "values"),
    [(None, None), ("class_dict", (1.0, 2.0, 4.0)), ([3.0, 0.5, 1.0], (3.0, 0.5, 1.0))],
)
def test_the_mean_over_entries_is_the_weighted_mean(weight, values):
    torch.manual_seed(0)
    predictions, targets = torch.randn(7, 3), torch.tensor([0, 1, 2, 2, 2, 0, 1])
    ours = built(weight)(predictions, targets)
    theirs = nn.CrossEntropyLoss(None if values is None else torch.tensor(values))
    assert ours.shape == (7,)
    torch.testing.assert_close(ours.mean(), theirs(predictions, targets))


def test_no_entry():
    assert built("class_dict")(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)).shape == (0,)


def test_half_precision_is_computed_in_float32():
    values = built("class_dict")(torch.randn(4, 3, dtype=torch.bfloat16), torch.tensor([0, 1, 2, 0]))
    assert values.dtype == torch.float32


def test_wrong_number_of_class_weights():
    message = "2 class weights, but label jets/flavour has 3 classes: b, c, u"
    with pytest.raises(ConfigError, match=message) as caught:
        built("class_dict", (1.0, 2.0))
    assert caught.value.where == "data.class_dict, jets/flavour"
    with pytest.raises(ConfigError, match=message) as caught:
        built([1.0, 2.0])
    assert caught.value.where == "weight"


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_weights_that_are_none(bad):
    with pytest.raises(ConfigError, match="class weights must be finite and positive"):
        built([1.0, bad, 1.0])


def test_a_class_dict_without_the_label():
    message = re.escape("data.class_dict has no weights for label jets/flavour")
    with pytest.raises(ConfigError, match=message):
        built("class_dict", None)

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from salt_core import ConfigError, Target
from salt_plugins.losses.cross_entropy.loss import CrossEntropy

NAMES = ("b", "c", "u")


def built(weight=None, class_weights=(1.0, 2.0, 4.0), smoothing=0.0) -> CrossEntropy:
    loss = CrossEntropy(weight, smoothing)
    loss.build(Target("jets/flavour", NAMES, class_weights))
    return loss


@pytest.mark.parametrize(
    ("weight", "values"),
    [(None, None), ("class_dict", (1.0, 2.0, 4.0)), ([3.0, 0.5, 1.0], (3.0, 0.5, 1.0))],
)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_the_mean_over_entries_is_the_weighted_mean(weight, values, smoothing):
    torch.manual_seed(0)
    predictions, targets = torch.randn(7, 3), torch.tensor([0, 1, 2, 2, 2, 0, 1])
    ours = built(weight, smoothing=smoothing)(predictions, targets)
    factors = None if values is None else torch.tensor(values)
    theirs = nn.CrossEntropyLoss(factors, label_smoothing=smoothing)
    assert ours.shape == (7,)
    torch.testing.assert_close(ours.mean(), theirs(predictions, targets))


def test_without_options_it_is_torchs():
    loss, predictions, targets = CrossEntropy(), torch.randn(3, 3), torch.tensor([0, 1, 2])
    loss.build(Target("jets/flavour", NAMES))
    theirs = nn.CrossEntropyLoss(reduction="none")(predictions, targets)
    torch.testing.assert_close(loss(predictions, targets), theirs)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_gradients_are_those_of_finite_differences(smoothing):
    loss, targets = built("class_dict", smoothing=smoothing), torch.tensor([0, 2, 2, 1])
    predictions = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), predictions)


def test_the_sum_of_weights_is_that_of_all_ranks(on_ranks):
    torch.manual_seed(0)
    loss, predictions, targets = built("class_dict"), torch.randn(7, 3), torch.tensor([0, 1, 2, 2, 2, 0, 1])
    first, second = on_ranks(
        lambda: loss(predictions[:5], targets[:5]), lambda: loss(predictions[5:], targets[5:])
    )
    torch.testing.assert_close(torch.cat([first, second]), loss(predictions, targets))
    assert not torch.allclose(first, loss(predictions[:5], targets[:5]))


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, float("nan")])
def test_a_smoothing_that_is_no_share(smoothing):
    with pytest.raises(ConfigError, match="is no share between 0 and 1") as caught:
        CrossEntropy(label_smoothing=smoothing)
    assert caught.value.where == "label_smoothing"


@pytest.mark.parametrize("kind", ["values", "flags"])
def test_only_classes_are_compared(kind):
    with pytest.raises(ConfigError, match="CrossEntropy compares predictions with classes"):
        CrossEntropy().prepare(Target("jets/pt", kind=kind))
    assert CrossEntropy().prepare(Target("jets/flavour", NAMES, kind="classes")) == 3


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

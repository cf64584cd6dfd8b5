"""Losses between numbers: mean_squared, l1 and huber."""

from __future__ import annotations

import re

import pytest
import torch

from salt_core import ConfigError, Target
from salt_plugins.losses.huber.loss import Huber
from salt_plugins.losses.l1.loss import L1
from salt_plugins.losses.mean_squared.loss import MeanSquared

DIFFERENCES = [0.0, 0.25, -0.5, 3.0, -10.0]


@pytest.mark.parametrize(
    ("loss", "options", "expected"),
    [
        (MeanSquared, {}, [0.0, 0.0625, 0.25, 9.0, 100.0]),
        (L1, {}, [0.0, 0.25, 0.5, 3.0, 10.0]),
        (Huber, {}, [0.0, 0.03125, 0.125, 2.5, 9.5]),
        (Huber, {"delta": 0.25}, [0.0, 0.03125, 0.09375, 0.71875, 2.46875]),
    ],
    ids=["mean_squared", "l1", "huber", "huber 0.25"],
)
def test_one_value_per_entry(loss, options, expected):
    predictions = torch.tensor([1.0, 2.0, -3.0, 4.0, 5.0])
    values = loss(**options)(predictions, predictions + torch.tensor(DIFFERENCES))
    torch.testing.assert_close(values, torch.tensor(expected))


@pytest.mark.parametrize("loss", [MeanSquared(), L1(), Huber(0.7)], ids=lambda loss: type(loss).__name__)
def test_gradients_are_those_of_finite_differences(loss):
    torch.manual_seed(0)
    predictions = torch.randn(6, dtype=torch.float64, requires_grad=True)
    targets = torch.randn(6)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), predictions)


@pytest.mark.parametrize("loss", [MeanSquared(), L1(), Huber()], ids=lambda loss: type(loss).__name__)
def test_half_precision_is_computed_in_float32(loss):
    predictions = torch.tensor([1.0, 256.0], dtype=torch.bfloat16)
    targets = torch.tensor([1.001, 255.999], dtype=torch.float64)
    values = loss(predictions, targets)
    torch.testing.assert_close(values, loss(predictions.float(), targets.float()))
    assert values.dtype == torch.float32
    assert (values > 0).all()


@pytest.mark.parametrize("loss", [MeanSquared(), L1(), Huber()], ids=lambda loss: type(loss).__name__)
def test_what_it_compares(loss):
    assert loss.prepare(Target("jets/pt", kind="values")) == 1
    assert not loss.can_be_negative
    message = "compares predictions with numbers, and jets/flavour is given as classes"
    with pytest.raises(ConfigError, match=message):
        loss.prepare(Target("jets/flavour", ("b", "c"), kind="classes"))
    with pytest.raises(ConfigError, match=r"tracks/vertex is given as flags of 0 or 1"):
        loss.prepare(Target("tracks/vertex", kind="flags"))
    with pytest.raises(ConfigError, match="knows no standard deviation"):
        loss.moments(torch.zeros(2, 1))


@pytest.mark.parametrize("delta", [0.0, -1.0, float("inf"), float("nan")])
def test_a_delta_that_is_none(delta):
    with pytest.raises(ConfigError, match=re.escape(f"{delta} is no difference above 0")) as caught:
        Huber(delta)
    assert caught.value.where == "delta"

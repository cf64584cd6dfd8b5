from __future__ import annotations

import math
import re

import pytest
import torch
from torch import nn

from salt_core import ConfigError, Target
from salt_plugins.losses.gaussian_nll.loss import GaussianNLL

VARIANCE = {"log": torch.exp, "softplus": nn.functional.softplus}


def entries(dtype=torch.float64):
    torch.manual_seed(0)
    return torch.randn(7, 2, dtype=dtype), torch.randn(7, dtype=dtype)


@pytest.mark.parametrize("variance", ["log", "softplus"])
def test_the_loss_is_torchs(variance):
    predictions, targets = entries()
    loss = GaussianNLL(variance, eps=0.01)
    predicted = VARIANCE[variance](predictions[:, 1]) + 0.01
    expected = nn.GaussianNLLLoss(reduction="none")(predictions[:, 0], targets, predicted)
    torch.testing.assert_close(loss(predictions, targets), expected)


@pytest.mark.parametrize("variance", ["log", "softplus"])
def test_the_loss_is_the_density_of_its_moments(variance):
    predictions, targets = entries()
    loss = GaussianNLL(variance)
    mean, stddev = loss.moments(predictions)
    density = torch.distributions.Normal(mean, stddev).log_prob(targets)
    torch.testing.assert_close(loss(predictions, targets) + math.log(2 * math.pi) / 2, -density)
    torch.testing.assert_close(mean, predictions[:, 0])
    torch.testing.assert_close(stddev.square(), VARIANCE[variance](predictions[:, 1]) + 1e-6)


@pytest.mark.parametrize("variance", ["log", "softplus"])
def test_gradients_are_those_of_finite_differences(variance):
    predictions, targets = entries()
    loss = GaussianNLL(variance)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), predictions.requires_grad_())


@pytest.mark.parametrize("variance", ["log", "softplus"])
@pytest.mark.parametrize("raw", [-1e4, -100.0, 100.0, 1e4])
def test_extreme_variances_give_finite_losses_and_gradients(variance, raw):
    predictions = torch.tensor([[0.5, raw]], requires_grad=True)
    value = GaussianNLL(variance)(predictions, torch.tensor([1.0]))
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(predictions.grad).all()


def test_the_variance_is_at_least_eps():
    _, stddev = GaussianNLL(eps=0.04).moments(torch.tensor([[0.0, -200.0]]))
    assert stddev.item() == pytest.approx(0.2)


def test_it_is_least_at_mean_and_variance_of_the_targets():
    targets = torch.tensor([1.0, 2.0, 4.0, 9.0], dtype=torch.float64)
    best = torch.tensor([targets.mean(), targets.var(correction=0).log()]).double().requires_grad_()
    GaussianNLL(eps=1e-12)(best.expand(4, 2), targets).mean().backward()
    torch.testing.assert_close(best.grad, torch.zeros(2, dtype=torch.float64), atol=1e-6, rtol=0)


def test_half_precision_is_computed_in_float32():
    values = GaussianNLL()(torch.randn(4, 2, dtype=torch.bfloat16), torch.zeros(4, dtype=torch.float64))
    assert values.dtype == torch.float32


def test_two_predictions_and_perhaps_below_zero():
    loss = GaussianNLL()
    assert loss.variance == "log"
    assert loss.prepare(Target("jets/pt", kind="values")) == 2
    assert loss.can_be_negative
    assert loss(torch.tensor([[1.0, -5.0]]), torch.tensor([1.0])).item() < 0
    with pytest.raises(ConfigError, match="GaussianNLL compares predictions with numbers"):
        loss.prepare(Target("jets/flavour", ("b", "c"), kind="classes"))


@pytest.mark.parametrize("eps", [0.0, -1.0, float("nan"), float("inf")])
def test_an_eps_that_is_none(eps):
    with pytest.raises(ConfigError, match=re.escape(f"{eps} is no variance above 0")) as caught:
        GaussianNLL(eps=eps)
    assert caught.value.where == "eps"

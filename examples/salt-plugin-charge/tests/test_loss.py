"""The loss is quadratic near 0 and linear far away, and never overflows."""

import pytest
import torch
from salt_core import ConfigError
from salt_core.testing import check_loss

from salt_plugin_charge.loss import LogCosh


def test_it_keeps_the_contract_of_a_loss() -> None:
    check_loss(LogCosh())


def test_it_is_the_logarithm_of_the_hyperbolic_cosine() -> None:
    x = torch.linspace(-3, 3, 7)
    torch.testing.assert_close(LogCosh(width=2.0)(x, torch.zeros(7)), 4 * torch.log(torch.cosh(x / 2)))


def test_large_differences_have_a_slope_of_the_width() -> None:
    x = torch.tensor([1000.0], requires_grad=True)
    LogCosh(width=0.5)(x, torch.zeros(1)).sum().backward()
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(0.5)


def test_a_width_that_is_none_is_told() -> None:
    with pytest.raises(ConfigError, match="width: 0 is not above 0"):
        LogCosh(width=0)

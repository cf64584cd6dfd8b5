"""A loss of numbers that does not mind tails."""

import math

import torch.nn.functional as F
from salt_core import ConfigError, Loss
from torch import Tensor


class LogCosh(Loss):
    """Logarithm of the hyperbolic cosine: quadratic for small differences, linear for large ones.

    Parameters
    ----------
    width : float, optional
        Difference at which it turns from one to the other, above 0.
    """

    target_kinds = ("values",)

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        if not width > 0:
            raise ConfigError(f"{width:g} is not above 0", "width")
        self.width = width

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return ``width^2 log(cosh(difference / width))`` of each entry (M,)."""
        # cosh itself overflows: log(cosh(x)) = |x| + log(1 + exp(-2|x|)) - log(2).
        x = (predictions.float() - targets.float()).abs() / self.width
        return self.width**2 * (x + F.softplus(-2 * x) - math.log(2))

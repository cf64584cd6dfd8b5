"""How unlikely targets are under a Gaussian whose mean and variance are predicted."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from salt_core import ConfigError, Loss, Target
from salt_core.nn.precision import at_least_float32


class GaussianNLL(Loss):
    """Negative log-likelihood of a Gaussian whose mean and variance are predicted.

    ``(log(v) + (target - mean)^2 / v) / 2`` with the variance ``v``, which is positive whatever is
    predicted. The constant ``log(2 pi) / 2`` is left out. The loss falls below 0 where the variance is
    small.

    Parameters
    ----------
    variance : str, optional
        What the second prediction r of each target stands for: ``log`` is a variance ``exp(r)``,
        ``softplus`` one of ``log(1 + exp(r))``.
    eps : float, optional
        Added to the variance of the scaled target, so that none becomes so small that a step explodes.
    """

    target_kinds = ("values",)
    can_be_negative = True

    def __init__(self, variance: Literal["log", "softplus"] = "log", eps: float = 1e-6) -> None:
        super().__init__()
        if not 0 < eps < float("inf"):
            raise ConfigError(f"{eps} is no variance above 0", "eps")
        self.variance = variance
        self.eps = eps

    def num_predictions(self, target: Target) -> int:
        """Tell that each target needs a mean and a variance."""
        del target
        return 2

    def moments(self, predictions: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation (M,) for predictions (M, 2)."""
        mean, raw = at_least_float32(predictions).unbind(-1)
        return mean, (self._log_variance(raw) / 2).exp()

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each entry, for predictions (M, 2) and targets (M,)."""
        mean, raw = at_least_float32(predictions).unbind(-1)
        log_variance = self._log_variance(raw)
        squares = (targets.to(mean.dtype) - mean).square()
        return (log_variance + squares * (-log_variance).exp()) / 2

    def _log_variance(self, raw: Tensor) -> Tensor:
        if self.variance == "softplus":
            return (F.softplus(raw) + self.eps).log()
        # log(exp(r) + eps), finite where exp(r) is not.
        return torch.logaddexp(raw, raw.new_tensor(math.log(self.eps)))

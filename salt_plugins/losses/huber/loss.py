"""Squares of small differences, absolute values of large ones."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from salt_core import ConfigError, Loss
from salt_core.nn.precision import at_least_float32


class Huber(Loss):
    """Half the squared difference up to `delta`, beyond it a straight line, which outliers pull less.

    Parameters
    ----------
    delta : float, optional
        Difference, of scaled targets, at which the line begins.
    """

    target_kinds = ("values",)

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        if not 0 < delta < float("inf"):
            raise ConfigError(f"{delta} is no difference above 0", "delta")
        self.delta = delta

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each entry, for predictions (M,) and targets (M,)."""
        predictions = at_least_float32(predictions)
        return F.huber_loss(predictions, targets.to(predictions.dtype), reduction="none", delta=self.delta)

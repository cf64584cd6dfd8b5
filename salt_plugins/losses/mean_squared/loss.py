"""Squares of differences."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from salt_core import Loss
from salt_core.nn.precision import at_least_float32


class MeanSquared(Loss):
    """Squared difference of prediction and target."""

    target_kinds = ("values",)

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each entry, for predictions (M,) and targets (M,)."""
        predictions = at_least_float32(predictions)
        return F.mse_loss(predictions, targets.to(predictions.dtype), reduction="none")

"""Binary cross entropy between scores and targets of 0 or 1."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from salt_core import Loss


class BinaryCrossEntropy(Loss):
    """Binary cross entropy of logits, one value per entry."""

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each entry.

        Parameters
        ----------
        predictions : Tensor
            Logits (M,).
        targets : Tensor
            0 or 1, (M,).
        """
        return F.binary_cross_entropy_with_logits(
            predictions.float(), targets.to(predictions.device).float(), reduction="none"
        )

"""Binary cross entropy between scores and targets of 0 or 1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from salt_core import ConfigError, Loss, Target
from salt_core.nn.precision import at_least_float32


class BinaryCrossEntropy(Loss):
    """Binary cross entropy of logits, one value per entry; of two classes the logit is that of the second.

    Parameters
    ----------
    pos_weight : float, optional
        Factor of the loss of entries whose target is 1.
    """

    target_kinds = ("classes", "flags")

    def __init__(self, pos_weight: float = 1.0) -> None:
        super().__init__()
        if not 0 < pos_weight < float("inf"):
            raise ConfigError(f"{pos_weight} is no factor above 0", "pos_weight")
        self.pos_weight = pos_weight

    def build(self, target: Target) -> None:
        """Refuse classes that are not two."""
        names = target.class_names
        if names and len(names) != 2:
            raise ConfigError(
                f"binary_cross_entropy tells two classes apart, but label {target.name} has {len(names)}: "
                f"{', '.join(names)}; cross_entropy is for any number"
            )

    def num_predictions(self, target: Target) -> int:
        """Tell that one logit is enough."""
        del target
        return 1

    def probabilities(self, predictions: Tensor) -> Tensor:
        """Return the probabilities of both classes (M, 2) for logits (M, 1)."""
        logits = at_least_float32(predictions)
        return torch.cat([-logits, logits], -1).sigmoid()

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each entry.

        Parameters
        ----------
        predictions : Tensor
            Logits (M,) or (M, 1).
        targets : Tensor
            0 or 1, (M,).
        """
        logits = at_least_float32(predictions).reshape(len(targets))
        return F.binary_cross_entropy_with_logits(
            logits,
            targets.to(logits),
            reduction="none",
            pos_weight=None if self.pos_weight == 1 else logits.new_tensor(self.pos_weight),
        )

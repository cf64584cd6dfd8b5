"""Cross entropy between class scores and class indices."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from salt_core import ConfigError
from salt_core.nn.classes import ClassWeighted
from salt_core.nn.precision import at_least_float32


class CrossEntropy(ClassWeighted):
    """Cross entropy over classes, each class with a weight where wanted.

    The mean over entries is weighted: ``sum(w * loss) / sum(w)``, with the sum of weights taken over
    all ranks.

    Parameters
    ----------
    weight : list of float or str, optional
        One weight per class, or ``class_dict`` for the label's weights in ``data.class_dict``.
    label_smoothing : float, optional
        Share of each target that is spread evenly over all classes, from 0 to 1.
    """

    def __init__(
        self, weight: list[float] | Literal["class_dict"] | None = None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(weight)
        if not 0 <= label_smoothing <= 1:
            raise ConfigError(f"{label_smoothing} is no share between 0 and 1", "label_smoothing")
        self.label_smoothing = label_smoothing

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each entry.

        Parameters
        ----------
        predictions : Tensor
            Logits (M, C).
        targets : Tensor
            Class indices (M,).
        """
        predictions = at_least_float32(predictions)
        weighted = F.cross_entropy(
            predictions,
            targets,
            weight=None if self.weight is None else self.weight.to(predictions.dtype),
            reduction="none",
            label_smoothing=self.label_smoothing,
        )
        return self.as_mean(weighted, targets)

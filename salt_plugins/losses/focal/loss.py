"""Cross entropy that passes over what is easily told apart."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from salt_core import ConfigError
from salt_core.nn.classes import ClassWeighted
from salt_core.nn.precision import at_least_float32

#: Least share of other classes: a power below 1 of nothing at all would have no gradient.
LEAST = 1e-7


class Focal(ClassWeighted):
    """Focal loss: cross entropy times ``(1 - p)^gamma``, so that well classified entries count little.

    p is the probability that an entry's own class is given (Lin et al., arXiv:1708.02002). The mean over
    entries is weighted: ``sum(w * loss) / sum(w)``, with the sum of weights taken over all ranks.

    Parameters
    ----------
    gamma : float, optional
        How strongly well classified entries are passed over; 0 is the cross entropy.
    weight : list of float or str, optional
        One weight per class, or ``class_dict`` for the label's weights in ``data.class_dict``.
    """

    def __init__(self, gamma: float = 2.0, weight: list[float] | Literal["class_dict"] | None = None) -> None:
        super().__init__(weight)
        if not 0 <= gamma < float("inf"):
            raise ConfigError(f"{gamma} is no exponent of 0 or more", "gamma")
        self.gamma = gamma

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each entry, for logits (M, C) and class indices (M,)."""
        predictions = at_least_float32(predictions)
        log_share = F.log_softmax(predictions, -1).gather(-1, targets[:, None]).squeeze(-1)
        others = (-log_share.expm1()).clamp(min=LEAST)
        values = -(others**self.gamma) * log_share
        weighted = values if self.weight is None else values * self.weight[targets].to(values.dtype)
        return self.as_mean(weighted, targets)

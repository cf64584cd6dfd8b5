"""What heads and losses over classes share: one weight per class, their mean, and the columns' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from salt_core.distributed import sum_over_ranks
from salt_core.errors import ConfigError
from salt_core.interfaces.loss import Loss, Target


class ClassWeighted(Loss):
    """A loss over classes, each class with a weight where wanted.

    Parameters
    ----------
    weight : list of float or str, optional
        One weight per class, or ``class_dict`` for the label's weights in ``data.class_dict``.
    """

    target_kinds = ("classes",)

    weight: Tensor | None

    def __init__(self, weight: list[float] | Literal["class_dict"] | None = None) -> None:
        super().__init__()
        self.weight_option = weight
        self.register_buffer("weight", None)

    def build(self, target: Target) -> None:
        """Take the class weights, one for each class of `target`."""
        weights = self._weights(target)
        if weights is None:
            return
        names = target.class_names
        if len(weights) != len(names):
            raise ConfigError(
                f"{len(weights)} class weights, but label {target.name} has {len(names)} classes: "
                f"{', '.join(names)}",
                self._where(target),
            )
        if not all(0 < weight < float("inf") for weight in weights):
            raise ConfigError(
                f"class weights must be finite and positive, got {list(weights)}", self._where(target)
            )
        self.weight = torch.tensor(weights, dtype=torch.float32)

    def as_mean(self, weighted: Tensor, targets: Tensor) -> Tensor:
        """Scale values of entries so that their mean is ``sum(w * loss) / sum(w)``, over all ranks.

        Parameters
        ----------
        weighted : Tensor
            ``w * loss`` of each entry (M,), by the weights `self.weight`.
        targets : Tensor
            Class indices (M,).
        """
        if self.weight is None:
            return weighted
        sums = torch.stack([self.weight[targets].sum(), self.weight.new_tensor(float(len(targets)))])
        total_weight, entries = sum_over_ranks(sums).unbind()
        return weighted * (entries / total_weight.clamp(min=1e-12)).to(weighted.dtype)

    def _weights(self, target: Target) -> tuple[float, ...] | None:
        if self.weight_option != "class_dict":
            return None if self.weight_option is None else tuple(self.weight_option)
        if target.class_weights is None:
            raise ConfigError(
                f"'class_dict' is asked for, but data.class_dict has no weights for label {target.name}; "
                "have salt data norm make them, give a list, or remove the option",
                "weight",
            )
        return target.class_weights

    def _where(self, target: Target) -> str:
        return f"data.class_dict, {target.name}" if self.weight_option == "class_dict" else "weight"


def probability_names(class_names: Sequence[str]) -> list[str]:
    """Return the field's column names of class probabilities.

    Examples
    --------
    >>> probability_names(["bjets", "cjets", "ujets", "taus"])
    ['pb', 'pc', 'pu', 'ptau']
    """
    return [f"p{_singular(name)}" for name in class_names]


def _singular(name: str) -> str:
    for ending in ("jets", "s"):
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending)
    return name

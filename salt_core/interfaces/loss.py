"""The loss's side of the contract: predictions and targets of valid entries in, values out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Target:
    """What a loss may know of the label that it compares with.

    Parameters
    ----------
    name : str
        The label, as ``object/column``.
    class_names : tuple of str
        The classes in the order of their indices; empty where the label has none.
    class_weights : tuple of float, optional
        The label's entry of the class dict.
    """

    name: str
    class_names: tuple[str, ...] = ()
    class_weights: tuple[float, ...] | None = None


class Loss(nn.Module, ABC):
    """Compares predictions with targets of the valid, labelled entries."""

    def build(self, target: Target) -> None:
        """Take what follows from the data, such as class weights. The default takes nothing."""
        del target

    def num_predictions(self, target: Target) -> int:
        """Tell how many columns of predictions an entry has; one for each class by default, at least one."""
        return max(len(target.class_names), 1)

    def probabilities(self, predictions: Tensor) -> Tensor:
        """Return the probability of each class (M, C) for predictions of classes; their softmax by default."""
        return predictions.float().softmax(-1)

    @abstractmethod
    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return one value per entry, scaled so that their mean is the loss, or a scalar.

        Parameters
        ----------
        predictions : Tensor
            Of the valid entries, such as logits (M, C).
        targets : Tensor
            Of the same entries, such as class indices (M,).
        """

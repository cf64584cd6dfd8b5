"""The loss's side of the contract: predictions and targets of valid entries in, values out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from salt_core.errors import ConfigError

TargetKind = Literal["classes", "values", "flags"]

ALL_KINDS: tuple[TargetKind, ...] = ("classes", "values", "flags")
IN_WORDS = {"classes": "classes", "values": "numbers", "flags": "flags of 0 or 1"}


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
    kind : str, optional
        What the targets are: ``classes`` (their indices), ``values`` (numbers) or ``flags`` (0 or 1); None
        where the task does not tell.
    """

    name: str
    class_names: tuple[str, ...] = ()
    class_weights: tuple[float, ...] | None = None
    kind: TargetKind | None = None


class Loss(nn.Module, ABC):
    """Compares predictions with targets of the valid, labelled entries."""

    #: Kinds of targets that the loss can compare with.
    target_kinds: ClassVar[tuple[TargetKind, ...]] = ALL_KINDS

    #: Whether the loss may fall below 0, as that of a density does.
    can_be_negative: ClassVar[bool] = False

    def prepare(self, target: Target) -> int:
        """Build the loss for a target; this is what a task calls.

        Returns
        -------
        int
            How many columns of predictions an entry needs.

        Raises
        ------
        ConfigError
            Where the loss does not compare with targets of this kind.
        """
        if target.kind is not None and target.kind not in self.target_kinds:
            compared = " or ".join(IN_WORDS[kind] for kind in self.target_kinds)
            raise ConfigError(
                f"{type(self).__name__} compares predictions with {compared}, "
                f"and {target.name} is given as {IN_WORDS[target.kind]}"
            )
        self.build(target)
        return self.num_predictions(target)

    def build(self, target: Target) -> None:
        """Take what follows from the data, such as class weights. The default takes nothing."""
        del target

    def num_predictions(self, target: Target) -> int:
        """Tell how many columns of predictions an entry has; one for each class by default, at least one."""
        return max(len(target.class_names), 1)

    def probabilities(self, predictions: Tensor) -> Tensor:
        """Return the probability of each class (M, C) for predictions of classes; their softmax by default."""
        return predictions.float().softmax(-1)

    def moments(self, predictions: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation (M,) of the distribution that predictions of numbers stand for.

        Raises
        ------
        ConfigError
            Where they stand for none, which is the default.
        """
        del predictions
        raise ConfigError(f"{type(self).__name__} knows no standard deviation of predictions")

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

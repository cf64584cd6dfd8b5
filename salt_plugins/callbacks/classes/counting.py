"""Counts over the validation sample, batch by batch: pairs of true and chosen class, and binned scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from salt_core import JetBatch, Task
from salt_core.nn.classes import probability_names


def class_probabilities(task: Task, predictions: Tensor, batch: JetBatch) -> Tensor | None:
    """Return the probabilities (M, C) of a task's classes, or None where it does not write them."""
    if not task.class_names:
        return None
    names = probability_names(task.class_names)
    for columns in task.outputs(predictions, batch).values():
        if columns.keys() >= set(names):
            return torch.stack([columns[name].float() for name in names], dim=-1)
    return None


class Counting(Callback, ABC):
    """Counts in each validation what tasks that classify predict, over all ranks.

    Entries without a class take no part; tasks that tell no classes apart are passed over.
    """

    @abstractmethod
    def count(self, probabilities: Tensor, truth: Tensor) -> Tensor:
        """Count entries.

        Parameters
        ----------
        probabilities : Tensor
            Shape (M, C).
        truth : Tensor
            Index of the true class (M,).

        Returns
        -------
        Tensor
            Of a shape that follows from C; summed over batches and ranks.
        """

    @abstractmethod
    def tell(self, counts: Mapping[str, Tensor], trainer: Trainer, model: LightningModule) -> None:
        """Do something with the counts by task; called on all ranks."""

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start from nothing."""
        del trainer, pl_module
        self._counts: dict[str, Tensor] = {}

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: JetBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count the entries of a batch."""
        del trainer, batch_idx, dataloader_idx
        predictions = cast("Mapping[str, Tensor]", outputs)
        for name, task in heads_of(pl_module).items():
            truth = task.true_classes(batch)
            probabilities = class_probabilities(task, predictions[name], batch)
            if truth is None or probabilities is None:
                continue
            known = truth >= 0
            counts = self.count(probabilities[known], truth[known].long())
            self._counts[name] = self._counts[name] + counts if name in self._counts else counts

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sum over the ranks and tell, except after the few batches that only try whether all works."""
        if trainer.sanity_checking:
            return
        counts = {name: _summed(trainer, values) for name, values in self._counts.items()}
        self.tell(counts, trainer, pl_module)


def heads_of(model: LightningModule) -> Mapping[str, Task]:
    """Return the tasks of a model by name."""
    return cast("Mapping[str, Task]", cast("Any", model).heads)


def _summed(trainer: Trainer, counts: Tensor) -> Tensor:
    total = trainer.strategy.reduce(counts, reduce_op="sum")
    assert isinstance(total, Tensor)
    return total


def confusion_counts(probabilities: Tensor, truth: Tensor) -> Tensor:
    """Count entries by true and chosen class, the one of the highest probability.

    Parameters
    ----------
    probabilities : Tensor
        Shape (M, C).
    truth : Tensor
        Index of the true class (M,).

    Returns
    -------
    Tensor
        Shape (C, C); rows are true classes, columns chosen ones.
    """
    size = probabilities.shape[-1]
    pairs = truth * size + probabilities.argmax(-1)
    counts: Tensor = torch.bincount(pairs, minlength=size * size).unflatten(0, (size, size))
    return counts

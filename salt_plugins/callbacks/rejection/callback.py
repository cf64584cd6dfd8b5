"""Tells after an evaluation how well the signal is told from each background."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from salt_core import ConfigError, JetBatch, Task
from salt_core.errors import suggest
from salt_core.evaluation.discriminant import Separation, discriminant, separation
from salt_core.nn.classes import probability_names

log = logging.getLogger("salt.rejection")


class Rejection(Callback):
    """Says at the end of ``salt test`` the rejection of each background class at one efficiency.

    The score is ``log(p_signal / sum(f_i p_i))`` over the backgrounds i. A sample without labels is
    passed over. Five bytes a jet are held in memory.

    Parameters
    ----------
    signal : str, optional
        The class to be selected.
    fractions : dict of str to float, optional
        Weight f of backgrounds in the score; what they leave of 1 goes to the others.
    efficiency : float, optional
        Share of the signal that passes the working point.
    task : str, optional
        The task that tells the classes apart; the first one that knows the signal where not given.
    """

    def __init__(
        self,
        signal: str = "bjets",
        fractions: dict[str, float] | None = None,
        efficiency: float = 0.7,
        task: str | None = None,
    ) -> None:
        if not 0 < efficiency < 1:
            raise ConfigError(f"{efficiency} is no share between 0 and 1", "efficiency")
        self.signal = signal
        self.fractions = {"cjets": 0.2, "taus": 0.01} if fractions is None else fractions
        self.efficiency = efficiency
        self.task = task

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the task."""
        del trainer
        heads: Mapping[str, Task] = pl_module.heads  # type: ignore[assignment]
        self._head = self._chosen({name: head for name, head in heads.items() if head.class_names})
        self._scores: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: JetBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep score and class of each jet that has one."""
        del trainer, pl_module, batch_idx, dataloader_idx
        truth = self._head.true_classes(batch) if self._head else None
        if self._head is None or truth is None:
            return
        columns = outputs.get(batch.global_object, {})
        names = dict(zip(self._head.class_names, probability_names(self._head.class_names), strict=True))
        if not columns.keys() >= set(names.values()):
            return
        shares = {name: columns[column].float().cpu().numpy() for name, column in names.items()}
        self._scores.append(discriminant(shares, self.signal, self.fractions).astype(np.float32))
        self._labels.append(truth.cpu().numpy().astype(np.int8))

    def _chosen(self, heads: Mapping[str, Task]) -> Task | None:
        """Return the task of those that tell classes apart, by name; None where there is none."""
        where = "trainer.callbacks, rejection"
        if self.task is not None and self.task not in heads:
            raise ConfigError(
                f"no task {self.task!r} tells classes apart; {suggest(self.task, heads)}", where
            )
        if not heads:
            log.info("no rejection is told, for no task tells classes apart")
            return None
        names = dict.fromkeys(name for head in heads.values() for name in head.class_names)
        head = next((head for head in heads.values() if self.signal in head.class_names), None)
        head = heads[self.task] if self.task is not None else head
        known = head.class_names if head else list(names)
        for name in (self.signal, *self.fractions):
            if name not in known:
                raise ConfigError(f"no class {name!r}; {suggest(name, known)}", where)
        return head

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say the result."""
        del trainer, pl_module
        if self._scores:
            log.info("\n%s", self._table(self.separations()))

    def separations(self) -> Mapping[str, Separation]:
        """Return what was found for each background that the sample has."""
        scores, labels = np.concatenate(self._scores), np.concatenate(self._labels)
        classes = self._head.class_names if self._head else ()
        by_class = {name: scores[labels == index] for index, name in enumerate(classes)}
        signal = by_class.pop(self.signal)
        if not len(signal):
            return {}
        return {
            name: separation(signal, background, self.efficiency)
            for name, background in by_class.items()
            if len(background)
        }

    def _table(self, found: Mapping[str, Separation]) -> str:
        weights = ", ".join(f"f_{name} = {weight:g}" for name, weight in self.fractions.items())
        lines = [
            f"Rejection of each background at {self.efficiency:.0%} {self.signal} efficiency ({weights})",
            f"  {'background':<12}{'jets':>10}{'rejection':>12}{'AUC':>9}",
        ]
        for name, one in found.items():
            lines.append(f"  {name:<12}{one.jets:>10}{one.rejection:>12.3g}{one.auc:>9.4f}")
        return "\n".join(lines)

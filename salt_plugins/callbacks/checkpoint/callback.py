"""Keeps the checkpoints of a run that are worth keeping."""

from __future__ import annotations

import time
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from salt_core import ConfigError
from salt_core.training.agreement import Agreement
from salt_core.training.boundary import boundary_of, step_checkpoints
from salt_core.training.run import run_directory


class Checkpoint(ModelCheckpoint):
    """Keeps the best checkpoints and the last one in ``ckpts`` of the run directory.

    Epoch and validation loss stand in each name.

    Parameters
    ----------
    monitor : str, optional
        The metric that decides which is best.
    mode : str, optional
        Whether its ``min`` or ``max`` is best.
    save_top_k : int, optional
        How many of the best are kept; -1 for all.
    save_last : bool, optional
        Whether the last one is kept too, as ``last.ckpt``.
    every_n_minutes : float, optional
        Minutes after which one is written between two steps; the newest two of them are kept until the
        training is done.
    """

    def __init__(
        self,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
        save_top_k: int = 1,
        save_last: bool = True,
        every_n_minutes: float | None = None,
    ) -> None:
        if every_n_minutes is not None and every_n_minutes <= 0:
            raise ConfigError(f"{every_n_minutes} is not a time; give more than 0", "every_n_minutes")
        self.every_n_minutes = every_n_minutes
        self._agreement = Agreement()
        self._due, self._last = False, time.monotonic()
        super().__init__(
            monitor=monitor,
            mode=mode,
            save_top_k=save_top_k,
            save_last=save_last,
            filename="epoch={epoch:03d}-val_loss={val/loss:.5f}",
            auto_insert_metric_name=False,
        )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the run's own folder."""
        directory = run_directory(trainer)
        if directory is not None:
            self.dirpath = str(directory / "ckpts")
        super().setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        super().on_train_start(trainer, pl_module)
        self._agreement.start(trainer)
        self._last = time.monotonic()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Write a checkpoint where it is time, by the clock of any rank."""
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        boundary = boundary_of(trainer)
        if self.every_n_minutes is None or boundary is None:
            return
        due = time.monotonic() - self._last >= 60 * self.every_n_minutes
        self._due = self._agreement.reached(due) or self._due
        if self._due and boundary.can_save(trainer, batch_idx):
            boundary.save(trainer)
            self._due, self._last = False, time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove what was only kept in case the training would not come to its end."""
        super().on_train_end(trainer, pl_module)
        directory = run_directory(trainer)
        if directory is not None and trainer.is_global_zero:
            for path in step_checkpoints(directory):
                path.unlink(missing_ok=True)

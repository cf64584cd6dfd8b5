"""Keeps the checkpoints of a run that are worth keeping."""

from __future__ import annotations

from typing import Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

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
    """

    def __init__(
        self,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
        save_top_k: int = 1,
        save_last: bool = True,
    ) -> None:
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

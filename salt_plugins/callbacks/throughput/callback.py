"""Shows and logs how many jets are trained on per second."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from salt_core import JetBatch


class Throughput(Callback):
    """Logs ``train/jets_per_s`` over the last steps, on all devices together.

    Parameters
    ----------
    window : int, optional
        Steps over which the rate is taken.
    """

    def __init__(self, window: int = 20) -> None:
        self.window = window
        self._marks: list[tuple[float, int]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start anew, so that validation does not count as training."""
        del trainer, pl_module
        self._marks = [(time.perf_counter(), 0)]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: JetBatch, batch_idx: int
    ) -> None:
        """Log the rate."""
        del outputs, batch_idx
        if not self._marks:
            self.on_train_epoch_start(trainer, pl_module)
            return
        jets = self._marks[-1][1] + batch.num_jets * trainer.world_size
        self._marks = [*self._marks[-self.window :], (time.perf_counter(), jets)]
        (start, before), (now, after) = self._marks[0], self._marks[-1]
        pl_module.log("train/jets_per_s", (after - before) / (now - start), prog_bar=True, batch_size=1)

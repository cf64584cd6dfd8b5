"""Shows and logs how many jets are trained on per second, and what the time goes to."""

from __future__ import annotations

import time
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from salt_core import ConfigError, JetBatch

Part = Literal["loading", "step", "validation", "other"]
PARTS: tuple[Part, ...] = ("loading", "step", "validation", "other")


class Throughput(Callback):
    """Logs ``train/jets_per_s`` over the last steps, on all devices together, and the seconds of each epoch.

    These are ``time/loading``, for which a step waited for its jets, ``time/step``, ``time/validation`` and
    ``time/other``, such as checkpoints at the end of an epoch. They are the mean of all processes by the clock
    of each: a step whose device still computes is over for it, and the next one that waits for the device
    takes longer.

    Parameters
    ----------
    window : int, optional
        Steps over which the rate is taken.

    Raises
    ------
    ConfigError
        Where there is no step in it.
    """

    def __init__(self, window: int = 20) -> None:
        if window < 1:
            raise ConfigError(f"{window} must be at least 1", "window")
        self.window = window
        self._marks: list[tuple[float, int]] = []
        self._clock = Clock()
        self._between: Part = "loading"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        del trainer, pl_module
        self._clock = Clock()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the rate anew, so that validation does not count as training."""
        del trainer, pl_module
        self._marks = [(time.perf_counter(), 0)]
        self._clock.spent_on("other")
        self._between = "loading"

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: JetBatch, batch_idx: int
    ) -> None:
        """Note that the jets are there."""
        del trainer, pl_module, batch, batch_idx
        self._clock.spent_on(self._between)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: JetBatch, batch_idx: int
    ) -> None:
        """Log the rate."""
        del outputs, batch_idx
        self._clock.spent_on("step")
        self._between = "loading"
        if not self._marks:
            self._marks = [(time.perf_counter(), 0)]
            return
        jets = self._marks[-1][1] + batch.num_jets * trainer.world_size
        self._marks = [*self._marks[-self.window :], (time.perf_counter(), jets)]
        (start, before), (now, after) = self._marks[0], self._marks[-1]
        # Kept on the host: Lightning would put a plain number on the device, and wait there for it.
        rate = torch.tensor((after - before) / (now - start))
        pl_module.log("train/jets_per_s", rate, prog_bar=True, batch_size=1)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that the training waits."""
        del trainer, pl_module
        self._clock.spent_on("other")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that it goes on, after the checkpoints that a validation is followed by."""
        del trainer, pl_module
        self._clock.spent_on("validation")
        self._between = "other"

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log what the epoch took."""
        del trainer
        self._clock.spent_on("other")
        times = {f"time/{part}": seconds for part, seconds in self._clock.take().items()}
        pl_module.log_dict(times, sync_dist=True)


class Clock:
    """Divides the time since it was made among the parts of a training."""

    def __init__(self) -> None:
        self._mark = time.perf_counter()
        self._seconds = dict.fromkeys(PARTS, 0.0)

    def spent_on(self, part: Part) -> None:
        """Count the time since the last call as this part's."""
        now = time.perf_counter()
        self._seconds[part] += now - self._mark
        self._mark = now

    def take(self) -> dict[Part, float]:
        """Return the seconds of each part, and start all of them at 0 again."""
        taken, self._seconds = self._seconds, dict.fromkeys(PARTS, 0.0)
        return taken

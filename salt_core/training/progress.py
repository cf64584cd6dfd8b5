"""How far a training is: a live line with losses and speed in a terminal, and a line now and then in a log.

Whoever reads a loss waits for the device to have computed it, so the losses are read only when they are told.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar, TQDMProgressBar

log = logging.getLogger("salt.progress")

#: Seconds from one line to the next where nobody looks at a terminal.
INTERVAL = 60.0

#: Seconds from one look at the losses to the next in a terminal.
LIVE_INTERVAL = 0.5

TRAINING = "train/"
SPEED = "train/jets_per_s"


def progress_for(callbacks: Sequence[Callback]) -> list[Callback]:
    """Return what tells the progress beside these callbacks; none where one of them does."""
    if any(isinstance(callback, ProgressBar) for callback in callbacks):
        return []
    return [LiveLine() if sys.stdout.isatty() else LogLines()]


def losses_told(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the losses of the last training step, the total and each task's, and the last of validation."""
    tasks = [name for name in metrics if name.startswith(TRAINING) and name.endswith("_loss")]
    names = ["train/loss", *tasks, "val/loss"]
    return {name.removeprefix(TRAINING): float(metrics[name]) for name in names if name in metrics}


def losses_are_pushed(trainer: Trainer) -> bool:
    """Tell whether the progress bar has to be given the losses, which Lightning reads in each step then."""
    return not isinstance(trainer.progress_bar_callback, LiveLine | LogLines | None)


class LiveLine(TQDMProgressBar):
    """Lightning's bar, with the loss of each task and jets per second.

    Parameters
    ----------
    interval : float, optional
        Seconds from one change of the line to the next within an epoch.
    clock : callable, optional
        Tells seconds.
    """

    def __init__(self, interval: float = LIVE_INTERVAL, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.interval = interval
        self.clock = clock
        self._told = -math.inf

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Change the line, where it is time to and after the last step of an epoch."""
        now = self.clock()
        if now - self._told >= self.interval or batch_idx + 1 == self.total_train_batches:
            self._told = now
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return what stands after the bar."""
        shown = super().get_metrics(trainer, pl_module)
        speed = {"jets/s": shown[SPEED]} if SPEED in shown else {}
        others = {name: value for name, value in shown.items() if not name.startswith((TRAINING, "val/"))}
        return {**losses_told(trainer.callback_metrics), **speed, **others}


class LogLines(ProgressBar):
    """A line after the first step, then at most one in each interval, and one at each epoch's end.

    Parameters
    ----------
    interval : float, optional
        Seconds from one line to the next within an epoch.
    clock : callable, optional
        Tells seconds.
    """

    def __init__(self, interval: float = INTERVAL, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.interval = interval
        self.clock = clock
        self._told: float | None = None
        self._enabled = True

    def disable(self) -> None:
        """Say nothing: Lightning asks for it on all ranks but the first."""
        self._enabled = False

    def enable(self) -> None:
        """Say something again."""
        self._enabled = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Say how far the epoch is, where it is time to."""
        del pl_module, outputs, batch
        if self._is_time():
            log.info("%s", self._line(trainer, f"step {batch_idx + 1} of {self.total_train_batches}"))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that the epoch has ended."""
        del pl_module
        if self._enabled:
            log.info("%s", self._line(trainer, "done"))

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Say how far an evaluation is, where it is time to."""
        del pl_module, outputs, batch
        if self._is_time():
            number = trainer.num_test_batches[dataloader_idx]
            log.info("batch %d of %s is evaluated", batch_idx + 1, number)

    def _is_time(self) -> bool:
        now = self.clock()
        due = self._enabled and (self._told is None or now - self._told >= self.interval)
        if due:
            self._told = now
        return due

    def _line(self, trainer: Trainer, where: str) -> str:
        metrics = trainer.callback_metrics
        losses = ", ".join(f"{name} {value:.4g}" for name, value in losses_told(metrics).items())
        speed = f", {float(metrics[SPEED]):,.0f} jets/s" if SPEED in metrics else ""
        return f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}, {where}: {losses}{speed}"

"""The cycle of the learning rate that a training is in: its own, that of its checkpoint, or a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from salt_core.training.checkpoints import CYCLE_KEY, cycle_of
from salt_core.training.length import check_length
from salt_core.training.schedule import Cycle, LearningRate


class Cycles:
    """Makes the schedule of a training, and takes the cycle from one checkpoint into the next.

    Parameters
    ----------
    config : LearningRate
        The rates.
    cycles_momentum : bool
        Whether the momentum is moved with them.
    """

    def __init__(self, config: LearningRate, cycles_momentum: bool) -> None:
        self.config = config
        self.cycles_momentum = cycles_momentum
        self._before: Cycle | None = None

    def first(self, optimizer: Optimizer, steps: float) -> LRScheduler:
        """Return the schedule of a cycle over all `steps` of a training.

        Raises
        ------
        ConfigError
            Where their number is infinite.
        """
        check_length(self.config, None, steps, 0)
        return self._start(Cycle.of(self.config, 0, int(steps)), optimizer)

    def load(self, checkpoint: Mapping[str, Any]) -> None:
        """Note the cycle that a checkpoint is in."""
        self._before = cycle_of(checkpoint)

    def go_on(self, trainer: Trainer) -> None:
        """Go on in the checkpoint's cycle, or start a new one over the steps that are left.

        Raises
        ------
        ConfigError
            Where the training is longer than the checkpoint's cycle, or has another schedule.
        """
        if self._before is None:
            return
        steps, done = int(trainer.estimated_stepping_batches), trainer.global_step
        check_length(self.config, self._before, steps, done)
        if self._before.goes_on(self.config, steps):
            self._now = self._before
            return
        (config,) = trainer.lr_scheduler_configs
        config.scheduler = self._start(
            Cycle.of(self.config, done, max(steps - done, 1)), trainer.optimizers[0]
        )

    def save(self, checkpoint: dict[str, Any]) -> None:
        """Put the cycle into a checkpoint."""
        checkpoint[CYCLE_KEY] = self._now.to_plain()

    def _start(self, cycle: Cycle, optimizer: Optimizer) -> LRScheduler:
        self._now = cycle
        return self.config.scheduler(optimizer, cycle.num_steps, self.cycles_momentum)

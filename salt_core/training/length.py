"""How many steps a training will have, and whether its learning rate lasts as long."""

from __future__ import annotations

import math

from lightning.pytorch import Trainer

from salt_core.errors import ConfigError
from salt_core.training.schedule import Cycle, LearningRate


def planned_steps(trainer: Trainer, batches: int) -> float:
    """Return how many steps of the optimiser there will be, as Lightning counts them; infinite without a limit.

    Parameters
    ----------
    trainer : Trainer
        Which has the limits.
    batches : int
        Batches of the training sample in an epoch, on each device.
    """
    epochs, most = trainer.max_epochs, trainer.max_steps
    if epochs is None or epochs < 0:
        return math.inf if most < 0 else most
    limit = trainer.limit_train_batches
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    steps = math.ceil(batches / trainer.accumulate_grad_batches) * max(epochs, 1)
    return steps if most < 0 else min(steps, most)


def check_length(config: LearningRate, before: Cycle | None, steps: float, done: int) -> None:
    """Raise where a training has more steps than its cycle of the learning rate, or another schedule.

    Parameters
    ----------
    config : LearningRate
        What is configured.
    before : Cycle, optional
        The cycle that a checkpoint is in, where the training goes on from one.
    steps : float
        How many steps there will be, those before the checkpoint included.
    done : int
        How many there were before the checkpoint.

    Raises
    ------
    ConfigError
        Which names the option that helps.
    """
    if not math.isfinite(steps):
        raise ConfigError(
            "the schedule of the learning rate needs a number of steps; "
            "give trainer.max_epochs or trainer.max_steps",
            "trainer.max_epochs",
        )
    if before is None or not before.goes_on(config, int(steps)):
        return
    if before.schedule != config.schedule:
        raise ConfigError(
            f"the checkpoint is in a cycle of the schedule {before.schedule!r}, {config.schedule!r} cannot go "
            f"on with; give --model.lrs_config.last_epoch 0 to start a new cycle over the {int(steps) - done} "
            "steps that are left",
            "model.lrs_config.schedule",
        )
    if steps > before.end:
        raise ConfigError(
            f"the checkpoint's learning rate ends after {before.end} steps, this training has {int(steps)}; "
            f"give --model.lrs_config.last_epoch 0 to start a new cycle over the {int(steps) - done} that are left",
            "model.lrs_config.last_epoch",
        )

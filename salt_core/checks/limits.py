"""What the trainer is told with which no training can begin, and which Lightning finds late or not at all."""

from __future__ import annotations

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import LearningRateFinder
from lightning.pytorch.strategies.launchers import _MultiProcessingLauncher

from salt_core.checks.report import Report
from salt_core.errors import ConfigError


def check_limits(trainer: Trainer, report: Report) -> None:
    """Note numbers that are of no use whatever the samples are, and choices that do not work here."""
    allowed = {
        "accumulate_grad_batches": trainer.accumulate_grad_batches >= 1,
        "check_val_every_n_epoch": trainer.check_val_every_n_epoch is None
        or trainer.check_val_every_n_epoch >= 1,
        "val_check_interval": trainer.val_check_interval != 0,
        "limit_train_batches": trainer.limit_train_batches != 0,
        "max_steps": trainer.max_steps != 0,
    }
    for name, fits in allowed.items():
        if not fits:
            value = getattr(trainer, name)
            report.add(ConfigError(f"{value} is not allowed; give 1 or more", f"trainer.{name}"))
    if trainer.precision.endswith("-true") and trainer.precision != "32-true":
        choices = "32-true, 16-mixed and bf16-mixed"
        report.add(ConfigError(f"{trainer.precision!r} does not work; {choices} do", "trainer.precision"))
    if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher):
        message = "processes that are spawned or forked cannot train; ddp starts them anew, and does the same"
        report.add(ConfigError(message, "trainer.strategy"))
    if any(isinstance(callback, LearningRateFinder) for callback in trainer.callbacks):  # type: ignore[attr-defined]
        report.add(
            ConfigError(
                "LearningRateFinder has no learning rate to set: a schedule gives it, with model.lrs_config.max "
                "as its highest; leave the callback out",
                "trainer.callbacks",
            )
        )


def check_batches(trainer: Trainer, batches: int) -> None:
    """Raise where the trainer's limits do not fit the batches that an epoch has.

    Parameters
    ----------
    trainer : Trainer
        Which has the limits.
    batches : int
        Batches of the training sample in an epoch, on each device.

    Raises
    ------
    ConfigError
        Which names the option.
    """
    limit, interval = trainer.limit_train_batches, trainer.val_check_interval
    used = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    if used == 0 < batches:
        name = "overfit_batches" if getattr(trainer, "overfit_batches", 0) else "limit_train_batches"
        raise ConfigError(
            f"{limit} of the {batches} batches of an epoch is less than one; give {1 / batches:.3g} or more, "
            "or a whole number of batches",
            f"trainer.{name}",
        )
    every_epoch = trainer.check_val_every_n_epoch is not None
    if every_epoch and isinstance(interval, int) and interval > used and trainer.limit_val_batches != 0:
        raise ConfigError(
            f"validation after each {interval} batches, but an epoch has {used}; give {used} or less, a share "
            "such as 0.5, or with trainer.check_val_every_n_epoch null count batches over epochs",
            "trainer.val_check_interval",
        )

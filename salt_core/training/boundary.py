"""Between two steps of a training: where it can stop, be saved, and go on as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loops.fit_loop import _FitLoop
from lightning.pytorch.loops.loop import _Loop
from lightning.pytorch.loops.progress import _ProcessedTracker

from salt_core.errors import SaltError
from salt_core.interruption import RESUME_ME, Interruption, is_started_rank, name_of
from salt_core.training.agreement import Agreement
from salt_core.training.checkpoints import FOLDER
from salt_core.training.run_directory import run_directory

#: Checkpoints between steps that are kept: one that turns out damaged has an older one behind it.
KEPT = 2


class Interrupted(SaltError):  # noqa: N818 - nothing went wrong
    """A training that was asked to stop, has saved where it was, and can be resumed."""

    exit_code = RESUME_ME


class InterruptedChild(Interrupted):
    """The same in a process that the first one has started and whose status alone counts."""

    exit_code = 0


class StepBoundary(Callback):
    """Makes every step a function of seed, epoch, step and rank, and stops the training where it is asked to.

    Parameters
    ----------
    seed : int
        The seed of the run.
    interruption : Interruption
        What the process is asked for.
    """

    def __init__(self, seed: int, interruption: Interruption) -> None:
        self.seed = seed
        self.interruption = interruption
        self._agreement = Agreement()
        self._stop = False
        self._saving = False

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over the signals, which Lightning answers otherwise."""
        del trainer, pl_module
        self.interruption.listen()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over the signals, and note them from now on."""
        del pl_module
        epochs = counted_epochs(trainer.fit_loop)
        epochs.completed = epochs.processed
        self._agreement.start(trainer)
        self._stop = False
        self.interruption.begin()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Stop before a step where any rank is asked to; else draw its random numbers from its own seed."""
        del pl_module, batch
        if self._asked() and self.can_save(trainer, batch_idx):
            self._leave(trainer)
        seed_step(self.seed, trainer.current_epoch, batch_idx, trainer.global_rank)

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stop in the middle of a validation too, which is then done again from its beginning."""
        del pl_module, batch, batch_idx, dataloader_idx
        if not trainer.sanity_checking and self._asked() and _gradients_are_used(trainer):
            self._leave(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Have a checkpoint between steps say that the step before is done and what follows not begun."""
        del pl_module
        if self._saving:
            back = rewind_validation if trainer.validating else rewind
            back(checkpoint["loops"]["fit_loop"])

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let signals end the program at once again."""
        del trainer, pl_module, stage
        self.interruption.end()

    def can_save(self, trainer: Trainer, batch_idx: int) -> bool:
        """Tell whether the training can go on from here: in an epoch, and with no gradients half summed up."""
        return batch_idx > 0 and batch_idx % trainer.accumulate_grad_batches == 0

    def save(self, trainer: Trainer) -> Path | None:
        """Write a checkpoint before the step or the validation that has just begun, called on all ranks.

        Returns
        -------
        Path or None
            The file; None where the run writes nothing.
        """
        directory = run_directory(trainer)
        if directory is None:
            return None
        name = f"epoch={trainer.current_epoch:03d}-step={trainer.global_step:07d}.ckpt"
        path = directory / FOLDER / name
        with self._between_steps():
            trainer.save_checkpoint(path)
        if trainer.is_global_zero:
            for old in step_checkpoints(directory)[:-KEPT]:
                old.unlink(missing_ok=True)
        return path

    def _asked(self) -> bool:
        """Tell whether any rank was asked to stop; all ranks ask together."""
        self._stop = self._agreement.reached(self.interruption.received is not None) or self._stop
        return self._stop

    @contextmanager
    def _between_steps(self) -> Iterator[None]:
        self._saving = True
        try:
            yield
        finally:
            self._saving = False

    def _leave(self, trainer: Trainer) -> None:
        path = self.save(trainer)
        trainer.strategy.barrier("interrupted")
        child = is_started_rank()
        reason = (
            name_of(self.interruption.received) if self.interruption.received else "a signal to another rank"
        )
        where = f"; resume it with --ckpt_path {path}" if path else ""
        message = f"stopped by {reason} after step {trainer.global_step}{where}"
        raise (InterruptedChild if child else Interrupted)(message)


def _gradients_are_used(trainer: Trainer) -> bool:
    """Tell whether the batch before a validation has ended with a step of the optimiser."""
    progress = trainer.fit_loop.epoch_loop.batch_progress
    return progress.is_last_batch or progress.current.ready % trainer.accumulate_grad_batches == 0


class FitLoop(_FitLoop):
    """Lightning's loop over epochs, which goes on behind an epoch at whose end its checkpoint was written.

    Lightning's own leaves an epoch out there, if the training is limited by a number of steps.
    """

    @classmethod
    def instead_of(cls, loop: _FitLoop) -> FitLoop:
        """Make one with the choices of another loop."""
        made = cls(loop.trainer, loop.min_epochs, loop.max_epochs)
        made.epoch_loop = loop.epoch_loop
        return made

    @property
    def restarting(self) -> bool:
        """Whether an epoch goes on that a checkpoint was written in."""
        return self._restarting

    @restarting.setter
    def restarting(self, restarting: bool) -> None:
        epochs = counted_epochs(self)
        done = epochs.ready == epochs.started == epochs.processed
        _Loop.restarting.fset(self, restarting and not done)  # type: ignore[attr-defined]


def counted_epochs(loop: _FitLoop) -> _ProcessedTracker:
    """Return how many epochs were begun, how many have no batch left, and how many are over."""
    return cast("_ProcessedTracker", loop.epoch_progress.current)


def boundary_of(trainer: Trainer) -> StepBoundary | None:
    """Return the run's `StepBoundary`; None where there is none."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return next((callback for callback in callbacks if isinstance(callback, StepBoundary)), None)


def step_checkpoints(directory: Path) -> list[Path]:
    """List the checkpoints between steps of a run directory, oldest first."""
    return sorted((directory / FOLDER).glob("epoch=*-step=*.ckpt"), key=lambda path: path.stat().st_mtime_ns)


def seed_step(seed: int, epoch: int, step: int, rank: int) -> None:
    """Seed all generators for one step of one rank.

    What a step draws is then the same whether the training has run through or was resumed just before.
    """
    words = np.random.SeedSequence((seed, epoch, step, rank)).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))  # noqa: NPY002 - plugins may use the global generator
    torch.manual_seed(int(words[2]))


def rewind(fit_loop: dict[str, Any]) -> None:
    """Turn the state at the start of a batch into that at the end of the batch before, which Lightning resumes.

    By then everything that was measured in that batch is logged, so that a resumed run leaves nothing out.
    """
    progress = fit_loop["epoch_loop.batch_progress"]
    for counts in (progress["total"], progress["current"]):
        counts["ready"] -= 1
        counts["started"] = counts["processed"] = counts["ready"]
        counts["completed"] = counts["ready"] - 1
    progress["is_last_batch"] = False
    # Lightning counts this step when it resumes.
    fit_loop["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1


def rewind_validation(fit_loop: dict[str, Any]) -> None:
    """Turn the state in the middle of a validation into that at its first batch, which Lightning resumes.

    What was measured in it is not part of a checkpoint, so that all of it is measured again.
    """
    progress = fit_loop["epoch_loop.val_loop.batch_progress"]
    for counts in (progress["total"], progress["current"]):
        counts["ready"] = counts["started"] = 1
        counts["processed"] = counts["completed"] = 0
    progress["is_last_batch"] = False

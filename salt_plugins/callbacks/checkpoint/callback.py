"""Keeps the checkpoints of a run that are worth keeping."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from salt_core import ConfigError
from salt_core.training.agreement import Agreement
from salt_core.training.boundary import boundary_of, step_checkpoints
from salt_core.training.checkpoints import FOLDER
from salt_core.training.run_directory import run_directory


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
        self._state_before: dict[str, Any] | None = None
        super().__init__(
            monitor=monitor,
            mode=mode,
            save_top_k=save_top_k,
            save_last=save_last,
            filename="epoch={epoch:03d}-val_loss={val/loss:.5f}",
            auto_insert_metric_name=False,
            # What a resumed training does again takes the place of what it had written.
            enable_version_counter=False,
        )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the run's own folder."""
        directory = run_directory(trainer)
        if directory is not None:
            self.dirpath = str(directory / FOLDER)
        super().setup(trainer, pl_module, stage)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Note which checkpoints were best by then."""
        self._state_before = state_dict

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock, and take over the best checkpoints of the run that goes on."""
        super().on_train_start(trainer, pl_module)
        if self._state_before is not None and trainer.ckpt_path is not None:
            self._take_over(trainer, self._state_before, Path(trainer.ckpt_path).parent)
        self._agreement.start(trainer)
        self._last = time.monotonic()

    def _take_over(self, trainer: Trainer, state: Mapping[str, Any], folder: Path) -> None:
        """Have the best checkpoints so far in the run's own folder, and go on comparing with them."""
        scores = {Path(path).name: score for path, score in state["best_k_models"].items()}
        best = sorted(scores, key=scores.__getitem__, reverse=self.mode == "max")
        kept = best if self.save_top_k == -1 else best[: self.save_top_k]
        own = Path(self.dirpath or folder)
        found = [name for name in kept if _have(folder / name, own / name)] if trainer.is_global_zero else []
        found = trainer.strategy.broadcast(found)
        if found:
            self.best_k_models = {str(own / name): scores[name] for name in found}
            self.best_model_path, self.kth_best_model_path = str(own / found[0]), str(own / found[-1])
            self.best_model_score, self.kth_value = scores[found[0]], scores[found[-1]]

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

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep what is among the best, and the last one whether it is or not."""
        super().on_train_epoch_end(trainer, pl_module)
        if self._should_save_on_train_epoch_end(trainer):
            self._keep_last(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do the same where an epoch has several validations, or some have none."""
        super().on_validation_end(trainer, pl_module)
        if not self._should_save_on_train_epoch_end(trainer):
            self._keep_last(trainer)

    def _keep_last(self, trainer: Trainer) -> None:
        # Lightning writes the last one only where one of the best was written at the same step.
        if self.save_last and not self._should_skip_saving_checkpoint(trainer):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def _should_remove_checkpoint(self, trainer: Trainer, previous: str, current: str) -> bool:
        """Remove one that is among the best no more from the run's own folder, as Lightning does.

        Also the one that the training has gone on from: another has taken its place.
        """
        del trainer
        return previous != current and Path(previous).absolute().parent == Path(current).absolute().parent

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the last one, and remove what was only kept in case the training would not come to its end."""
        super().on_train_end(trainer, pl_module)
        self._keep_last(trainer)
        directory = run_directory(trainer)
        if directory is not None and trainer.is_global_zero:
            for path in step_checkpoints(directory):
                path.unlink(missing_ok=True)


def _have(source: Path, target: Path) -> bool:
    """Have a checkpoint at `target` that is the one at `source`; False where there is none."""
    if not target.exists() and source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another disk, or one without links
            shutil.copy2(source, target)
    return target.exists()

"""Writes predictions batch by batch, in the order of the evaluated file."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from salt_core.data.batch import JetBatch
from salt_core.data.hdf5 import open_file
from salt_core.data.module import SaltDataModule
from salt_core.errors import ConfigError, RunError
from salt_core.evaluation.output import PredictionFile, output_path
from salt_core.evaluation.tables import Tables
from salt_core.files import whole_file
from salt_core.version import __version__

SECONDS_BETWEEN_RATES = 0.5


class PredictionWriter(Callback):
    """Writes what the tasks put out, beside the extra variables of the file that is evaluated.

    Parameters
    ----------
    name : str
        The model's name, with which every column of it begins.
    checkpoint : Path
        Where the weights come from; noted in the file.
    commits : str, optional
        What the training was made of; noted as well.
    """

    def __init__(self, name: str, checkpoint: Path, commits: str = "") -> None:
        self.name = name
        self.checkpoint = checkpoint
        self.commits = commits
        self._open = ExitStack()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the evaluated file and a temporary one beside the target."""
        del pl_module
        self.data = _data_of(trainer)
        (path,) = self.data.files("test")
        self.target = output_path(self.checkpoint, path, self.data.test_suffix)
        self.source = self._open.enter_context(open_file(path, "data.test_file"))
        self.tables = Tables(
            self.source,
            self.name,
            self.data.selection(),
            self.data.extra_vars,
            self.data.write_constituents,
            self.data.made_vars,
            self.data.write_precision,
        )
        try:
            temporary = self._open.enter_context(whole_file(self.target))
            self.file = PredictionFile(temporary, {**self.source.attrs, **self._attributes()})
        except OSError as error:
            raise self._unwritable(error) from error
        self._open.callback(self.file.close)
        self._started, self._jets = time.perf_counter(), 0
        self._tell_next = self._started

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: JetBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Append the rows of one batch."""
        del trainer, batch_idx, dataloader_idx
        told = list(self.tables.of(outputs, batch))
        if not told:
            raise self._nothing()
        for name, rows in told:
            try:
                self.file.append(self.data.datasets[name], rows, partial(self.tables.attributes, name))
            except OSError as error:
                raise self._unwritable(error) from error
        self._jets += batch.num_jets
        now = time.perf_counter()
        self._rate = self._jets / (now - self._started)
        if now >= self._tell_next:  # telling it takes longer than to write a batch
            self._tell_next = now + SECONDS_BETWEEN_RATES
            pl_module.log("jets_per_s", self._rate, prog_bar=True, batch_size=batch.num_jets)

    def pace(self) -> str:
        """Tell how many jets were evaluated, and how fast."""
        return f"{self._jets:,} {self.data.global_object} evaluated, {self._rate:,.0f} per second"

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the whole file in its place."""
        del trainer, pl_module
        try:
            self._open.close()
        except OSError as error:
            raise self._unwritable(error) from error

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave nothing behind."""
        del trainer, pl_module
        self._open.__exit__(type(exception), exception, exception.__traceback__)

    def _attributes(self) -> dict[str, str]:
        told = {"model": self.name, "checkpoint": self.checkpoint.name, "salt_version": __version__}
        return told | ({"commits": self.commits} if self.commits else {})

    def _nothing(self) -> ConfigError:
        jets = self.data.global_object
        return ConfigError(
            f"there is nothing to write: no task of {self.name} tells anything of {jets}, and data.extra_vars "
            "names none of their columns; true writes what is told of constituents",
            "data.write_constituents",
        )

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"{self.target} cannot be written: {error}")


def _data_of(trainer: Trainer) -> SaltDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, SaltDataModule)
    return data

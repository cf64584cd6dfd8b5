"""Writes predictions batch by batch, in the order of the evaluated file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from salt_core.data.batch import JetBatch
from salt_core.data.hdf5 import open_file
from salt_core.data.module import SaltDataModule
from salt_core.errors import RunError
from salt_core.evaluation.output import PredictionFile, output_path
from salt_core.evaluation.tables import Tables
from salt_core.files import whole_file


class PredictionWriter(Callback):
    """Writes what the tasks put out, beside the extra variables of the file that is evaluated.

    Parameters
    ----------
    name : str
        The model's name, with which every column of it begins.
    checkpoint : Path
        Where the weights come from; noted in the file.
    """

    def __init__(self, name: str, checkpoint: Path) -> None:
        self.name = name
        self.checkpoint = checkpoint
        self._open = ExitStack()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the evaluated file and a temporary one beside the target."""
        del pl_module
        self.data = _data_of(trainer)
        self.target = output_path(self.checkpoint, self.data.file("test"), self.data.test_suffix)
        self.tables = Tables(
            self.name,
            self.data.selection(),
            self.data.extra_vars,
            self.data.write_constituents,
            self.data.made_vars,
        )
        self.source = self._open.enter_context(open_file(self.data.file("test"), "data.test_file"))
        try:
            temporary = self._open.enter_context(whole_file(self.target))
            self.file = PredictionFile(temporary, {"model": self.name, "checkpoint": self.checkpoint.name})
        except OSError as error:
            raise RunError(f"{self.target} cannot be written: {error}") from error
        self._open.callback(self.file.close)

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
        del trainer, pl_module, batch_idx, dataloader_idx
        for name, rows in self.tables.of(outputs, batch, self.source):
            attributes = dict(self.tables.dataset(name, self.source).attrs)
            self.file.append(self.data.datasets[name], rows, attributes)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the whole file in its place."""
        del trainer, pl_module
        self._open.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave nothing behind."""
        del trainer, pl_module
        self._open.__exit__(type(exception), exception, exception.__traceback__)


def _data_of(trainer: Trainer) -> SaltDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, SaltDataModule)
    return data

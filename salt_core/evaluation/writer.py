"""Writes predictions batch by batch, in the order of the evaluated file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from salt_core.data.batch import JetBatch, rows_of
from salt_core.data.hdf5 import VALID, dataset_of, open_file
from salt_core.data.module import SaltDataModule
from salt_core.errors import ConfigError, RunError, suggest
from salt_core.evaluation.output import Array, Columns, PredictionFile, output_path, structured
from salt_core.files import whole_file

Outputs = Mapping[str, Mapping[str, Tensor]]


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
        self._refuse_unknown(outputs)
        order = np.argsort(batch.rows.cpu().numpy())
        start = int(batch.rows.min())
        streams = self.data.selection().streams if self.data.write_constituents else ()
        for name in (batch.global_object, *streams):
            columns: Columns = {
                f"{self.name}_{key}": _host(value) for key, value in outputs.get(name, {}).items()
            }
            if name == batch.global_object:
                columns = {key: values[order] for key, values in columns.items()}
            else:
                columns = self._padded(name, columns, batch, order, start)
            rows = {**columns, **self._extra(name, start, batch.num_jets)}
            if rows:
                dataset = self._dataset(name)
                self.file.append(self.data.datasets[name], structured(rows), dict(dataset.attrs))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the whole file in its place."""
        del trainer, pl_module
        self._open.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave nothing behind."""
        del trainer, pl_module
        self._open.__exit__(type(exception), exception, exception.__traceback__)

    def _refuse_unknown(self, outputs: Outputs) -> None:
        """Raise where a task writes to an object that the file does not have, rather than drop it."""
        for name in outputs.keys() - self.data.datasets.keys():
            known = suggest(name, self.data.datasets)
            raise ConfigError(f"a task writes to {name!r}, which is no object of data.variables; {known}")

    def _padded(self, name: str, columns: Columns, batch: JetBatch, order: Array, start: int) -> Columns:
        """Spread packed columns (N,) over the slots (B, P) in which the file has its constituents."""
        valid = np.asarray(
            self._dataset(name).fields([VALID])[start : start + batch.num_jets][VALID], dtype=bool
        )
        valid[:, self.data.num_inputs.get(name, valid.shape[1]) :] = False
        rows = rows_of(order, batch.streams[name].layout.host_lengths)
        padded: dict[str, Array] = {}
        for key, values in columns.items():
            padded[key] = np.full(valid.shape, _nothing(values), dtype=values.dtype)
            padded[key][valid] = values[rows]
        return {**padded, VALID: valid}

    def _extra(self, name: str, start: int, num_jets: int) -> Columns:
        names = list(self.data.extra_vars.get(name, ()))
        if not names:
            return {}
        rows = self._dataset(name).fields(names)[start : start + num_jets]
        return {key: rows[key] for key in names}

    def _dataset(self, name: str) -> h5py.Dataset:
        return dataset_of(self.source, self.data.selection(), name, "data.test_file")


def _data_of(trainer: Trainer) -> SaltDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, SaltDataModule)
    return data


def _host(values: Tensor) -> Array:
    """Bring a column to the host, numbers of any precision as float32."""
    values = values.detach()
    array: Array = (values.float() if values.is_floating_point() else values).cpu().numpy()
    return array


def _nothing(values: Array) -> float | int | bool:
    """Return what stands in a slot without a constituent: NaN, -1 or False."""
    return {"f": float("nan"), "b": False}.get(values.dtype.kind, -1)

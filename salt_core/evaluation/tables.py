"""What is told of predictions: the columns of each object, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import h5py
import numpy as np
from torch import Tensor

from salt_core.data.batch import JetBatch, rows_of
from salt_core.data.hdf5 import VALID, dataset_of
from salt_core.data.request import Selection
from salt_core.data.rows import close_together, valid_slots
from salt_core.errors import ConfigError, suggest
from salt_core.evaluation.output import Array, Columns, structured

Outputs = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class Tables:
    """Makes structured arrays of what the tasks put out and of columns that are copied.

    Parameters
    ----------
    file : h5py.File
        The file that is predicted.
    model : str
        The model's name, with which every column of it begins.
    selection : Selection
        What is read of the file.
    copied : mapping of str to sequence of str
        Columns that are told beside the predictions, by object; they are copied from the file.
    constituents : bool
        Whether there is an array of each stream too, with the slots (B, P) of the file.
    made : mapping of str to sequence of str, optional
        Those of the copied columns that the file does not have: they are the batch's.
    precision : str, optional
        Type of predicted numbers, such as ``float32``.
    """

    file: h5py.File
    model: str
    selection: Selection
    copied: Mapping[str, Sequence[str]]
    constituents: bool
    made: Mapping[str, Sequence[str]] = field(default_factory=dict)
    precision: str = "float32"

    def of(self, outputs: Outputs, batch: JetBatch) -> Iterator[tuple[str, Array]]:
        """Yield each object with the rows (B, ...) of a batch, as they follow each other in the file.

        Parameters
        ----------
        outputs : mapping of str to mapping of str to Tensor
            Columns (B,) or (N,) by object, in the order of the batch.
        batch : JetBatch
            Jets that follow each other in the file.

        Raises
        ------
        ConfigError
            Where a task writes to an object that there is not, rather than drop what it writes.
        """
        for name in outputs.keys() - set(self.selection.objects):
            known = suggest(name, self.selection.objects)
            raise ConfigError(f"a task writes to {name!r}, which is no object of data.variables; {known}")
        rows = batch.rows.cpu().numpy()
        order = np.argsort(rows)
        rows = rows[order]
        for name in self.selection.objects if self.constituents else (batch.global_object,):
            found: Columns = {
                f"{self.model}_{key}": _host(value, self.precision)
                for key, value in outputs.get(name, {}).items()
            }
            made = {key: _host(batch.raw(name)[key]) for key in self.made.get(name, ())}
            own: Columns = {**found, **made}
            if name == batch.global_object:
                own = {key: values[order] for key, values in own.items()}
            else:
                own = self._padded(name, own, batch, order)
            taken = {**self._copied(name, rows), **{key: own[key] for key in made}}
            told = {key: values for key, values in own.items() if key not in made}
            columns = {**told, **{key: taken[key] for key in self.copied.get(name, ())}}
            if columns:
                yield name, structured(columns)

    def attributes(self, name: str) -> dict[str, Any]:
        """Return what the file says of the dataset of an object."""
        return dict(self._dataset(name).attrs)

    def _dataset(self, name: str) -> h5py.Dataset:
        if name not in self._datasets:
            self._datasets[name] = dataset_of(self.file, self.selection, name, "data.test_file")
        return self._datasets[name]

    @cached_property
    def _datasets(self) -> dict[str, h5py.Dataset]:
        return {}

    def _padded(self, name: str, columns: Columns, batch: JetBatch, order: Array) -> Columns:
        """Spread packed columns (N,) over the slots (B, P) in which the file has its constituents."""
        cuts = self.selection.cuts.get(name, ())
        names = list(dict.fromkeys([VALID, *(cut.column for cut in cuts)]))
        valid = valid_slots(self._rows(name, names, batch.rows.cpu().numpy()[order]), cuts)
        valid[:, self.selection.num_inputs.get(name, valid.shape[1]) :] = False
        packed = rows_of(order, batch.streams[name].layout.host_lengths)
        padded: dict[str, Array] = {}
        for key, values in columns.items():
            padded[key] = np.full(valid.shape, _nothing(values), dtype=values.dtype)
            padded[key][valid] = values[packed]
        return {**padded, VALID: valid}

    def _copied(self, name: str, rows: Array) -> Columns:
        names = [key for key in self.copied.get(name, ()) if key not in self.made.get(name, ())]
        if not names:
            return {}
        found = self._rows(name, names, rows)
        return {key: found[key] for key in names}

    def _rows(self, name: str, names: list[str], rows: Array) -> Array:
        """Read fields of the `rows` (B,) of an object, which are rising."""
        view = self._dataset(name).fields(names)
        return np.concatenate([view[part[0] : part[-1] + 1][part - part[0]] for part in close_together(rows)])


def _host(values: Tensor, precision: str = "float32") -> Array:
    """Bring a column to the host, numbers of any precision in one."""
    values = values.detach()
    array: Array = (values.float() if values.is_floating_point() else values).cpu().numpy()
    return array.astype(precision, copy=False) if values.is_floating_point() else array


def _nothing(values: Array) -> float | int | bool:
    """Return what stands in a slot without a constituent: NaN, -1 or False."""
    return {"f": float("nan"), "b": False}.get(values.dtype.kind, -1)

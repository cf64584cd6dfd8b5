"""HDF5 files of jets: opening them, checking that they hold what is asked for, and reading rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from salt_core.data.batch import JetBatch, Layout, Packed, rows_of
from salt_core.errors import ConfigError, DataError, SaltError, raise_all, suggest
from salt_core.interfaces.dataloader import Selection

VALID = "valid"

Array = NDArray[Any]


def open_file(path: Path, where: str = "") -> h5py.File:
    """Open an HDF5 file for reading, without HDF5's own locks, which network file systems lack.

    Parameters
    ----------
    path : Path
        The file.
    where : str, optional
        The YAML key path that names it, for messages.

    Raises
    ------
    ConfigError
        Where there is no such file, or it is not HDF5.
    DataError
        Where it is cut short or cannot be read.
    """
    if not path.is_file():
        reason = "is a folder" if path.is_dir() else "does not exist"
        raise ConfigError(f"the file {path} {reason}", where)
    try:
        if not h5py.is_hdf5(path):
            raise ConfigError(f"{path} is not an HDF5 file", where)
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        reason = "is truncated" if "truncated" in str(error) else "cannot be read"
        raise DataError(f"{path} {reason}: {error}", where) from error


def dataset_of(file: h5py.File, selection: Selection, name: str, where: str = "") -> h5py.Dataset:
    """Return the structured dataset of object `name`.

    Raises
    ------
    ConfigError
        Where it is missing or not an array with named fields.
    """
    path = selection.datasets[name]
    dataset = file.get(path)
    if not isinstance(dataset, h5py.Dataset):
        message = f"{file.filename} has no dataset {path!r} for object {name!r}; {suggest(path, file.keys())}"
        raise ConfigError(message, where)
    dimensions = 1 if name == selection.global_object else 2
    if dataset.dtype.names is None or dataset.ndim != dimensions:
        what = "one row per jet" if dimensions == 1 else "shape (jets, constituents)"
        raise ConfigError(
            f"dataset {path!r} of {file.filename} has shape {dataset.shape} and type {dataset.dtype}; "
            f"needed: named fields and {what}",
            where,
        )
    return dataset


def wanted_columns(selection: Selection, name: str) -> list[str]:
    """List the columns of object `name` to read, each once."""
    extra = () if name == selection.global_object else (VALID,)
    columns = [*selection.variables.get(name, ()), *selection.columns.get(name, ()), *extra]
    return list(dict.fromkeys(columns))


def check_columns(file: h5py.File, selection: Selection, where: str = "") -> int:
    """Check that `file` holds every dataset and column of `selection`, and return its number of jets.

    Raises
    ------
    ConfigError
        One that tells everything that is missing.
    """
    faults: list[SaltError] = []
    lengths: dict[str, int] = {}
    for name in (selection.global_object, *selection.streams):
        try:
            dataset = dataset_of(file, selection, name, where)
        except ConfigError as fault:
            faults.append(fault)
            continue
        lengths[name] = dataset.shape[0]
        missing = [c for c in wanted_columns(selection, name) if c not in dataset.dtype.names]
        faults += [_missing(file, dataset, column, where) for column in missing]
    if len(set(lengths.values())) > 1:
        faults.append(DataError(f"the datasets of {file.filename} differ in length: {lengths}", where))
    raise_all(faults)
    return lengths[selection.global_object]


def _missing(file: h5py.File, dataset: h5py.Dataset, column: str, where: str) -> ConfigError:
    hint = suggest(column, dataset.dtype.names)
    return ConfigError(
        f"dataset {dataset.name!r} of {file.filename} has no variable {column!r}; {hint}", where
    )


class JetReader:
    """Reads rows of one open file into batches.

    Parameters
    ----------
    file : h5py.File
        The open file, which holds everything that `selection` names.
    selection : Selection
        Which columns to read; no others are.
    """

    def __init__(self, file: h5py.File, selection: Selection) -> None:
        self.selection = selection
        self.filename = file.filename
        names = (selection.global_object, *selection.streams)
        self._views = {
            name: dataset_of(file, selection, name).fields(wanted_columns(selection, name)) for name in names
        }

    def read(self, start: int, stop: int) -> JetBatch:
        """Read the jets of rows `start` to `stop` (excluded), sorted by their constituents.

        Raises
        ------
        DataError
            Where an input variable is not finite, or the file cannot be read.
        """
        try:
            arrays = {name: self._rows(name, start, stop) for name in self._views}
        except OSError as error:
            raise DataError(f"{self.filename}: rows {start} to {stop} cannot be read: {error}") from error
        return assemble(arrays, self.selection, start, self.filename)

    def _rows(self, name: str, start: int, stop: int) -> Array:
        limit = self.selection.num_inputs.get(name)
        view = self._views[name]
        rows: Array = view[start:stop] if limit is None else view[start:stop, :limit]
        return rows


def assemble(arrays: Mapping[str, Array], selection: Selection, start: int, filename: str) -> JetBatch:
    """Make a batch of padded structured arrays.

    Parameters
    ----------
    arrays : mapping of str to numpy.ndarray
        Structured rows (B,) of the global object and (B, P) with a field ``valid`` of each stream.
    selection : Selection
        Which fields are features and which are further columns.
    start : int
        Row of the first jet in the file.
    filename : str
        For messages.
    """
    name = selection.global_object
    valid = {stream: arrays[stream][VALID].astype(bool, copy=False) for stream in selection.streams}
    lengths = {stream: mask.sum(1) for stream, mask in valid.items()}
    num_jets = len(arrays[name])
    total = sum(lengths.values(), start=np.zeros(num_jets, dtype=np.int64))
    order = np.argsort(total, kind="stable")
    rows = start + order
    packed = {name: (arrays[name][order], rows)}
    for stream, mask in valid.items():
        picked = np.flatnonzero(mask)[rows_of(order, lengths[stream])]
        constituents = arrays[stream].reshape(-1)[picked]
        packed[stream] = (constituents, np.repeat(rows, lengths[stream][order]))
    features = {key: _features(packed[key][0], selection.variables.get(key, ())) for key in packed}
    faults = [fault for key in packed for fault in _not_finite(features[key], packed[key][1], selection, key)]
    if faults:
        raise DataError(f"{filename}: input values that are not finite: " + "; ".join(faults))
    return JetBatch(
        global_object=name,
        x=torch.from_numpy(features[name]),
        streams={
            stream: Packed(torch.from_numpy(features[stream]), Layout.of(lengths[stream][order]))
            for stream in selection.streams
        },
        columns={
            key: {column: _tensor(packed[key][0][column]) for column in columns}
            for key, columns in selection.columns.items()
            if key in packed
        },
        rows=torch.from_numpy(rows),
    )


def _features(array: Array, variables: Sequence[str]) -> Array:
    """Copy fields of structured rows (N,) into a table (N, F) of float32."""
    table = np.empty((len(array), len(variables)), dtype=np.float32)
    for column, variable in enumerate(variables):
        table[:, column] = array[variable]
    return table


def _not_finite(table: Array, rows: Array, selection: Selection, name: str) -> Iterable[str]:
    """Say which variables of `table` (N, F) are NaN or infinite, how often, and in which jets."""
    finite = np.isfinite(table)
    if finite.all():
        return
    for column in np.flatnonzero(~finite.all(0)):
        bad = ~finite[:, column]
        jets = np.unique(rows[bad])
        some = ", ".join(str(row) for row in jets[:5]) + (", ..." if len(jets) > 5 else "")
        yield (
            f"{name}/{selection.variables[name][column]} has {int(bad.sum())} "
            f"in {len(jets)} of the jets read together, rows {some}"
        )


def _tensor(values: Array) -> Tensor:
    """Copy a column into int64, bool or float32."""
    kind = values.dtype.kind
    target = {"f": np.float32, "b": np.bool_}.get(kind, np.int64)
    column: Array = np.empty(
        values.shape, dtype=target
    )  # a field of one row keeps strides that torch refuses
    column[...] = values
    return torch.from_numpy(column)

"""The file of predictions: its name, its datasets, and rows appended to them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Columns = Mapping[str, Array]

COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
CHUNK_VALUES = 4000


def output_path(checkpoint: Path, test_file: Path, suffix: str = "") -> Path:
    """Name the file of predictions, beside the checkpoint.

    Examples
    --------
    >>> output_path(Path("ckpts/epoch=003.ckpt"), Path("data/ttbar_test.h5"), "tight").name
    'epoch=003__test_ttbar_test_tight.h5'
    """
    ending = f"_{suffix}" if suffix else ""
    return checkpoint.with_name(f"{checkpoint.stem}__test_{test_file.stem}{ending}.h5")


def structured(columns: Columns) -> Array:
    """Make one structured array of columns of equal shape."""
    first = next(iter(columns.values()))
    dtype = [(name, values.dtype) for name, values in columns.items()]
    rows = np.empty(first.shape, dtype=dtype)
    for name, values in columns.items():
        rows[name] = values
    return rows


class _Bytes(io.FileIO):
    """The bytes of an HDF5 file; HDF5 ends the process where it cannot write, so it is never told."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`, or keep the reason why not."""
        view = memoryview(data).cast("B")
        size = len(view)
        self._try(lambda: self._write_all(view))
        return size

    def truncate(self, size: int | None = None) -> int:
        """Change the size, or keep the reason why not."""
        self._try(lambda: super(_Bytes, self).truncate(size))
        return self.tell() if size is None else size

    def _write_all(self, view: memoryview) -> None:
        while len(view):
            view = view[super().write(view) :]

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            self.error = self.error or error


class PredictionFile:
    """An open file to which rows are appended, dataset by dataset.

    Datasets stay open: HDF5 compresses the last chunk of one whenever it is closed.

    Parameters
    ----------
    path : Path
        Where to write.
    attributes : mapping
        What to say of the file as a whole.
    """

    def __init__(self, path: Path, attributes: Mapping[str, Any]) -> None:
        self._bytes = _Bytes(path, "w+")
        self._told = False
        self._file = h5py.File(self._bytes, "w")
        self._file.attrs.update(attributes)
        self._datasets: dict[str, h5py.Dataset] = {}

    def append(self, dataset: str, rows: Array, attributes: Callable[[], Mapping[str, Any]]) -> None:
        """Append structured rows (B, ...); the first ones make the dataset, with the attributes that are given.

        Raises
        ------
        OSError
            Where they cannot be written.
        """
        try:
            self._append(dataset, rows, attributes)
        except (OSError, RuntimeError):
            self._raise()  # HDF5 does not find what could not be written
            raise
        self._raise()

    def _append(self, dataset: str, rows: Array, attributes: Callable[[], Mapping[str, Any]]) -> None:
        if dataset not in self._datasets:
            self._datasets[dataset] = self._made(dataset, rows, attributes())
        target = self._datasets[dataset]
        start = target.shape[0]
        target.resize(start + len(rows), axis=0)
        target[start:] = rows

    def _made(self, dataset: str, rows: Array, attributes: Mapping[str, Any]) -> h5py.Dataset:
        inner = rows.shape[1:]
        chunk = max(CHUNK_VALUES // max(int(np.prod(inner)), 1), 1)
        made = self._file.create_dataset(
            dataset,
            shape=(0, *inner),
            maxshape=(None, *inner),
            chunks=(chunk, *inner),
            dtype=rows.dtype,
            **COMPRESSION,
        )
        made.attrs.update(attributes)
        return made

    def close(self) -> None:
        """Write everything out.

        Raises
        ------
        OSError
            Where it cannot be written, unless `append` has told it.
        """
        self._file.close()
        self._bytes.close()
        self._raise()

    def _raise(self) -> None:
        if self._bytes.error is not None and not self._told:
            self._told = True
            raise self._bytes.error

"""Rows of jets as they stand in files, with the valid constituents only."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from salt_core.data.hdf5 import VALID, check_files, dataset_of, open_file
from salt_core.data.request import Selection
from salt_core.errors import DataError

Array = NDArray[Any]

OPEN_FILES = 8


@dataclass(frozen=True)
class Chunk:
    """Consecutive jets and their valid constituents.

    Parameters
    ----------
    records : mapping of str to numpy.ndarray
        Structured rows of each object: (B,) jets, (N,) constituents jet by jet. They may hold more
        fields than are wanted.
    lengths : mapping of str to numpy.ndarray
        Constituents of each jet (B,), int64, by stream.
    """

    records: Mapping[str, Array]
    lengths: Mapping[str, Array]


class JetFiles:
    """Files that read as one sample, in the order given; each process opens them for itself.

    Parameters
    ----------
    files : sequence of Path
        The files.
    selection : Selection
        Which columns are wanted.
    where : str, optional
        The YAML key path that names the files, for messages.

    Raises
    ------
    SaltError
        Where a file cannot be read or lacks something, or their types differ.
    """

    def __init__(self, files: Sequence[Path], selection: Selection, where: str = "") -> None:
        self.files = tuple(files)
        self.selection = selection
        self._starts = np.concatenate([[0], np.cumsum(check_files(files, selection, where))])
        self._open = _OpenFiles(selection)

    def __getstate__(self) -> dict[str, Any]:
        """Leave open files behind where this goes to another process."""
        return self.__dict__ | {"_open": _OpenFiles(self.selection)}

    @property
    def num_jets(self) -> int:
        """Jets of all files."""
        return int(self._starts[-1])

    def read(self, start: int, stop: int) -> Chunk:
        """Read the jets of rows `start` to `stop` (excluded) of the sample.

        Raises
        ------
        DataError
            Where a file cannot be read.
        """
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        parts = []
        while start < stop:
            end = min(stop, int(self._starts[first + 1]))
            if start < end:
                offset = int(self._starts[first])
                parts.append(self._open.reader(self.files[first]).read(start - offset, end - offset))
                start = end
            first += 1
        return parts[0] if len(parts) == 1 else self._joined(parts)

    def bytes_per_jet(self) -> int:
        """Return how much of a file is read for each jet, constituents that are not valid included."""
        return self._open.reader(self.files[0]).bytes_per_jet

    def close(self) -> None:
        """Close what this process has open; the next reading opens it again."""
        self._open.close()

    def places(self, rows: Array) -> str:
        """Say where rows of the sample lie, such as ``rows 3, 8 of train.h5``."""
        files = np.searchsorted(self._starts, rows, side="right") - 1
        said = []
        for file in np.unique(files):
            inside = rows[files == file] - self._starts[file]
            said.append(place_of(inside, str(self.files[file])))
        return " and ".join(said)

    def _joined(self, parts: Sequence[Chunk]) -> Chunk:
        """Put the rows of several files together; their records may differ in what is not wanted."""
        selection = self.selection
        return Chunk(
            {
                name: _concatenated([part.records[name] for part in parts], selection.wanted(name))
                for name in selection.objects
            },
            {
                stream: np.concatenate([part.lengths[stream] for part in parts])
                for stream in selection.streams
            },
        )


def _concatenated(records: Sequence[Array], names: Sequence[str]) -> Array:
    """Put structured rows together that may differ in other fields; NumPy loses count of rows without any."""
    if not names:
        return np.empty(sum(map(len, records)), dtype=[])
    return np.concatenate([part[list(names)] for part in records])


class _OpenFiles:
    """The files that this process read last."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self._readers: OrderedDict[Path, FileReader] = OrderedDict()
        self._owner = os.getpid()

    def reader(self, path: Path) -> FileReader:
        if self._owner != os.getpid():
            self._readers, self._owner = OrderedDict(), os.getpid()
        if path not in self._readers:
            self._readers[path] = FileReader(open_file(path), self.selection)
            if len(self._readers) > OPEN_FILES:
                self._readers.popitem(last=False)[1].close()
        self._readers.move_to_end(path)
        return self._readers[path]

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()


class FileReader:
    """Reads rows of one open file, whose columns are checked.

    Parameters
    ----------
    file : h5py.File
        The file.
    selection : Selection
        Which columns are wanted.
    """

    def __init__(self, file: h5py.File, selection: Selection) -> None:
        self.selection = selection
        self._file = file
        self._views = {name: self._view(name) for name in selection.objects}

    @property
    def bytes_per_jet(self) -> int:
        """Bytes of the file that hold a jet, constituents that are not valid included."""
        datasets = [dataset_of(self._file, self.selection, name) for name in self.selection.objects]
        return sum(dataset.dtype.itemsize * prod(dataset.shape[1:]) for dataset in datasets)

    def read(self, start: int, stop: int) -> Chunk:
        """Read the jets of rows `start` to `stop` (excluded).

        Raises
        ------
        DataError
            Where they cannot be read.
        """
        try:
            arrays = {name: self._rows(name, start, stop) for name in self._views}
        except (OSError, RuntimeError) as error:
            name = self._file.filename
            raise DataError(f"{name}: rows {start} to {stop} cannot be read: {error}") from error
        name = self.selection.global_object
        records, lengths = {name: arrays[name]}, {}
        for stream in self.selection.streams:
            valid = arrays[stream][VALID].astype(bool)
            lengths[stream] = valid.sum(1)
            records[stream] = take(arrays[stream].reshape(-1), np.flatnonzero(valid))
        return Chunk(records, lengths)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _view(self, name: str) -> Any:
        """Return what gives rows of one object.

        Whole rows are read faster than some of their fields: HDF5 decompresses all of them anyway,
        and converts where it has to pick. Only texts, which would become objects, are left out.
        """
        dataset = dataset_of(self._file, self.selection, name)
        if not dataset.dtype.hasobject:
            return dataset
        flag = () if name == self.selection.global_object else (VALID,)
        return dataset.fields([*self.selection.wanted(name), *flag])

    def _rows(self, name: str, start: int, stop: int) -> Array:
        limit = self.selection.num_inputs.get(name)
        view = self._views[name]
        rows: Array = view[start:stop] if limit is None else view[start:stop, :limit]
        return rows


def place_of(rows: Array, file: str) -> str:
    """Say where rows of a file lie, such as ``rows 3, 8 of train.h5``."""
    some = ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
    return f"rows {some} of {file}"


def take(records: Array, rows: Array) -> Array:
    """Gather structured rows; as plain bytes, which numpy copies far faster than fields."""
    if not records.dtype.itemsize:  # no field is wanted, of files that were joined
        return records[rows]
    plain = np.dtype((np.void, records.dtype.itemsize))
    taken: Array = np.ascontiguousarray(records).view(plain).take(rows).view(records.dtype)
    return taken

"""Rows of jets as they stand in files, with the valid constituents only."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from salt_core.data.batch import rows_of
from salt_core.data.cuts import Cut, all_passed
from salt_core.data.hdf5 import VALID, check_files, dataset_of, fields_of, open_file
from salt_core.data.passing import passing_jets
from salt_core.data.request import Selection
from salt_core.errors import DataError

Array = NDArray[Any]

OPEN_FILES = 8

#: Rows that are read together at least where some of them are picked.
FEWEST = 1000


@dataclass(frozen=True)
class Chunk:
    """Jets as they follow each other, and those of their constituents that are valid and pass the cuts.

    Parameters
    ----------
    records : mapping of str to numpy.ndarray
        Structured rows of each object: (B,) jets, (N,) constituents jet by jet. They may hold more
        fields than are wanted.
    lengths : mapping of str to numpy.ndarray
        Constituents of each jet (B,), int64, by stream.
    rows : numpy.ndarray
        Row of each jet (B,) in its file or sample, int64, rising.
    """

    records: Mapping[str, Array]
    lengths: Mapping[str, Array]
    rows: Array

    def jets(self, picked: Array, global_object: str) -> Chunk:
        """Return some of the jets, by their places `picked` in this chunk."""
        records = {global_object: take(self.records[global_object], picked)}
        for stream, found in self.lengths.items():
            records[stream] = take(self.records[stream], rows_of(picked, found))
        lengths = {stream: found[picked] for stream, found in self.lengths.items()}
        return Chunk(records, lengths, self.rows[picked])


class JetFiles:
    """Files that read as one sample, in the order given; each process opens them for itself.

    Jets that do not pass the selection's cuts are no part of it.

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
        self._passing = passing_jets(files, selection)
        self._open = _OpenFiles(selection)

    def __getstate__(self) -> dict[str, Any]:
        """Leave open files behind where this goes to another process."""
        return self.__dict__ | {"_open": _OpenFiles(self.selection)}

    @property
    def num_jets(self) -> int:
        """Jets of all files that pass."""
        return int(self._starts[-1]) if self._passing is None else len(self._passing)

    @property
    def cuts_jets(self) -> bool:
        """Whether some jets may not pass, so that a jet's number is not its row."""
        return self._passing is not None

    def read(self, start: int, stop: int) -> Chunk:
        """Read the jets from number `start` to `stop` (excluded) of those that pass.

        Raises
        ------
        DataError
            Where a file cannot be read.
        """
        if self._passing is None:
            return self._span(start, stop)
        parts = [self._picked(part) for part in close_together(self._passing[start:stop])]
        return parts[0] if len(parts) == 1 else self._joined(parts)

    def _picked(self, rows: Array) -> Chunk:
        """Read jets by their rows, which lie close to each other."""
        first = int(rows[0])
        return self._span(first, int(rows[-1]) + 1).jets(rows - first, self.selection.global_object)

    def _span(self, start: int, stop: int) -> Chunk:
        """Read the jets of rows `start` to `stop` (excluded) of the sample."""
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        parts: list[Chunk] = []
        while start < stop:
            end = min(stop, int(self._starts[first + 1]))
            if start < end:
                offset = int(self._starts[first])
                part = self._open.reader(self.files[first]).read(start - offset, end - offset)
                parts.append(replace(part, rows=part.rows + offset))
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
        """Say where rows of the sample lie, such as ``rows 3, 8 of train.h5``; those that do not pass count."""
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
            np.concatenate([part.rows for part in parts]),
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
            valid = valid_slots(arrays[stream], self.selection.cuts.get(stream, ()))
            lengths[stream] = valid.sum(1)
            records[stream] = take(arrays[stream].reshape(-1), np.flatnonzero(valid))
        return Chunk(records, lengths, np.arange(start, stop))

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
        return dataset.fields(list(fields_of(self.selection, name)))

    def _rows(self, name: str, start: int, stop: int) -> Array:
        limit = self.selection.num_inputs.get(name)
        view = self._views[name]
        rows: Array = view[start:stop] if limit is None else view[start:stop, :limit]
        return rows


def close_together(rows: Array) -> list[Array]:
    """Divide rising rows (B,) such that all between the first and the last of a part may be read at once.

    Few jets may pass, and memory is to stay bounded.
    """
    spans = (rows - rows[0]) // max(2 * len(rows), FEWEST)
    return np.split(rows, np.flatnonzero(np.diff(spans)) + 1)


def valid_slots(slots: Array, cuts: Sequence[Cut]) -> Array:
    """Tell which slots of structured rows (B, P) hold constituents that pass the cuts (B, P)."""
    valid: Array = slots[VALID].astype(bool)
    return valid & all_passed(cuts, slots) if cuts else valid


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

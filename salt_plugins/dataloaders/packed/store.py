"""An open store: mapped files, and batches gathered from them."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from salt_core import JetBatch
from salt_core.data.assemble import jet_batch
from salt_core.data.batch import by_length, ranges, sum_of
from salt_core.interfaces.dataloader import Selection
from salt_plugins.dataloaders.packed.fitting import refuse_unfit
from salt_plugins.dataloaders.packed.manifest import INPUTS, ROWS, STARTS, Manifest, column_file, file_name
from salt_plugins.dataloaders.packed.verifying import open_whole

Array = NDArray[Any]


class PackedStore:
    """A store, mapped into memory: nothing is read before it is needed, and all processes share it.

    Parameters
    ----------
    folder : Path
        The store.
    selection : Selection
        What batches are made of.

    Raises
    ------
    DataError
        Where the store is damaged, lacks something of `selection`, or has inputs that are not finite.
    """

    def __init__(self, folder: Path, selection: Selection) -> None:
        self.folder = folder
        self.selection = selection
        self.manifest = Manifest.read(folder)
        refuse_unfit(folder, self.manifest, selection)
        self._maps: dict[str, mmap.mmap] = {}
        self._tables = {name: self._table(name) for name in selection.objects}
        self._columns = {
            name: {column: self._column(name, column) for column in columns}
            for name, columns in selection.columns.items()
            if name in selection.objects
        }
        self._starts = {stream: self._array(file_name(stream, STARTS), "<i8") for stream in selection.streams}
        rows = file_name(selection.global_object, ROWS)
        self._rows = self._array(rows, "<i8") if rows in self.manifest.files else None

    @property
    def num_jets(self) -> int:
        """Jets in the store."""
        return self.manifest.num_jets

    def lengths(self, jets: Array) -> Array:
        """Return the constituents of jets, of all streams together."""
        return sum_of((length for _, length in self._spans(jets).values()), len(jets))

    def batch(self, jets: Array) -> JetBatch:
        """Gather jets into a batch, sorted by their constituents.

        Parameters
        ----------
        jets : numpy.ndarray
            Rows of the jets (B,), int64.
        """
        spans = self._spans(jets)
        order = by_length(sum_of((length for _, length in spans.values()), len(jets)))
        rows = jets[order]
        lengths = {stream: length[order] for stream, (_, length) in spans.items()}
        picked = {stream: ranges(first[order], lengths[stream]) for stream, (first, _) in spans.items()}
        picked[self.selection.global_object] = rows
        tables = {name: self._gathered(name, picked[name]) for name in self.selection.objects}
        columns = {
            name: {column: values.take(picked[name]) for column, values in found.items()}
            for name, found in self._columns.items()
        }
        if self._rows is not None:
            rows = self._rows.take(rows)
        return jet_batch(self.selection, rows, tables, columns, lengths)

    def advise(self, jets: Iterable[tuple[int, int]], advice: int) -> None:
        """Tell the system about rows that come soon, or do not come again.

        Parameters
        ----------
        jets : iterable of (int, int)
            First and last row (excluded) of jets that lie side by side.
        advice : int
            Such as ``mmap.MADV_WILLNEED``.
        """
        for start, stop in jets:
            for name, mapped in self._maps.items():
                first, last = self._rows_of(name, start, stop)
                width = len(mapped) // max(self._height(name), 1)
                begin = first * width // mmap.PAGESIZE * mmap.PAGESIZE
                if last * width > begin:
                    mapped.madvise(advice, begin, last * width - begin)

    def _spans(self, jets: Array) -> dict[str, tuple[Array, Array]]:
        """Return the first constituent of jets and their number, by stream."""
        spans = {}
        for stream, starts in self._starts.items():
            first = starts.take(jets)
            spans[stream] = first, starts.take(jets + 1) - first
        return spans

    def _rows_of(self, name: str, start: int, stop: int) -> tuple[int, int]:
        """Return the rows that jets have in a file."""
        owner = self._owner(name)
        if owner == self.selection.global_object or name.endswith(f".{STARTS}"):
            return start, stop
        starts = self._starts[owner]
        return int(starts[start]), int(starts[stop])

    def _height(self, name: str) -> int:
        if name.endswith(f".{STARTS}"):
            return self.num_jets + 1
        return self.manifest.objects[self._owner(name)].rows

    def _owner(self, name: str) -> str:
        return next(n for n in self.selection.objects if name.startswith(file_name(n, "")))

    def _gathered(self, name: str, rows: Array) -> Array:
        """Gather the features (N, F) of one object."""
        table = self._tables[name]
        if isinstance(table, np.ndarray):
            return table.take(rows, axis=0)
        out = np.empty((len(rows), len(table)), dtype=np.float32)
        for column, values in enumerate(table):
            out[:, column] = values.take(rows)
        return out

    def _table(self, name: str) -> Array | list[Array]:
        """Map the features of an object; column by column where the store does not have just these together."""
        found, wanted = self.manifest.objects[name], self.selection.variables.get(name, ())
        if list(wanted) == found.inputs:
            return self._array(file_name(name, INPUTS), "<f4", (found.rows, len(wanted)))
        return [self._column(name, variable) for variable in wanted]

    def _column(self, name: str, column: str) -> Array:
        found = self.manifest.objects[name]
        if column in found.columns:
            return self._array(column_file(name, column), found.columns[column])
        table = self._array(file_name(name, INPUTS), "<f4", (found.rows, len(found.inputs)))
        picked: Array = table[:, found.inputs.index(column)]
        return picked

    def _array(self, name: str, dtype: str, shape: tuple[int, ...] = (-1,)) -> Array:
        """Map a file."""
        size = self.manifest.files[name].bytes
        if not size:
            return np.zeros([max(n, 0) for n in shape], dtype=dtype)
        if name not in self._maps:
            with open_whole(self.folder / name, size) as file:
                self._maps[name] = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)
        return np.frombuffer(self._maps[name], dtype=dtype).reshape(shape)

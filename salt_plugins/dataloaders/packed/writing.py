"""The files of a store while it is made, with their checksums."""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from salt_core.data.rows import JetFiles
from salt_plugins.dataloaders.packed.manifest import (
    BLOCK,
    INPUTS,
    ROWS,
    STARTS,
    StoredFile,
    column_file,
    file_name,
    stored_type,
)

Array = NDArray[Any]

#: Columns of consecutive jets as plain bytes, by the file that they are appended to.
Part = dict[str, torch.Tensor]


class StoreWriter:
    """Appends parts to the files of a store, in the order of the jets.

    Parameters
    ----------
    files : JetFiles
        What the store is made of.
    folder : Path
        The store, empty as yet.
    stack : ExitStack
        Closes the files.

    Attributes
    ----------
    types : dict of str to dict of str to numpy.dtype
        Types in which further columns are kept, by object and column.
    not_finite : dict of str to dict of str to int
        Values so far that are NaN or infinite, by object and column, where there are any.
    """

    def __init__(self, files: JetFiles, folder: Path, stack: ExitStack) -> None:
        self.files = files
        self.types = _types_of(files)
        self._out = {name: _File(stack.enter_context((folder / name).open("xb"))) for name in self._names()}
        self._rows = dict.fromkeys(files.selection.objects, 0)
        self.not_finite: dict[str, dict[str, int]] = {name: {} for name in files.selection.objects}
        for stream in files.selection.streams:
            self._out[file_name(stream, STARTS)].write(as_bytes(np.zeros(1, dtype=np.int64)))

    def append(self, jets: int, part: Part) -> None:
        """Append the columns of some jets."""
        selection = self.files.selection
        self._rows[selection.global_object] += jets
        for stream in selection.streams:
            name = file_name(stream, STARTS)
            lengths = part[name].numpy().view(np.int64)
            ends = self._rows[stream] + np.cumsum(lengths)
            self._rows[stream] += int(lengths.sum())
            part[name] = as_bytes(ends)
        for name, values in part.items():
            self._out[name].write(values)
        for name, columns in self.types.items():
            for column, dtype in columns.items():
                if dtype.kind == "f":
                    self._count(name, column, part[column_file(name, column)].numpy().view(dtype))

    def rows(self, name: str) -> int:
        """Return the rows of object `name` so far."""
        return self._rows[name]

    def written(self) -> dict[str, StoredFile]:
        """Return sizes and checksums of all files."""
        return {name: out.stored() for name, out in self._out.items()}

    def _names(self) -> list[str]:
        selection = self.files.selection
        inputs = [file_name(name, INPUTS) for name in selection.objects]
        columns = [column_file(name, column) for name in self.types for column in self.types[name]]
        starts = [file_name(stream, STARTS) for stream in selection.streams]
        rows = [file_name(selection.global_object, ROWS)] if self.files.cuts_jets else []
        return [*inputs, *columns, *starts, *rows]

    def _count(self, name: str, column: str, values: Array) -> None:
        bad = int(values.size - np.isfinite(values).sum())
        if bad:
            self.not_finite[name][column] = self.not_finite[name].get(column, 0) + bad


class _File:
    """A file, and the checksums of its blocks."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._bytes = 0
        self._crc32 = [0]

    def write(self, values: torch.Tensor) -> None:
        """Append bytes."""
        data = memoryview(values.numpy().data)
        self._file.write(data)
        while len(data):
            room = BLOCK - self._bytes % BLOCK
            if room == BLOCK and self._bytes:
                self._crc32.append(0)
            self._crc32[-1] = zlib.crc32(data[:room], self._crc32[-1])
            self._bytes += len(data[:room])
            data = data[room:]

    def stored(self) -> StoredFile:
        """Return size and checksums."""
        return StoredFile(self._bytes, self._crc32)


def _types_of(files: JetFiles) -> dict[str, dict[str, np.dtype[Any]]]:
    """Return the types in which further columns are kept, by object and column."""
    chunk = files.read(0, min(1, files.num_jets))
    return {
        name: {
            column: stored_type(chunk.records[name].dtype[column])
            for column in files.selection.columns.get(name, ())
        }
        for name in files.selection.objects
    }


def as_bytes(values: Array) -> torch.Tensor:
    """Return the plain bytes of values of any type and shape."""
    return torch.from_numpy(np.ascontiguousarray(values).reshape(-1).view(np.uint8))

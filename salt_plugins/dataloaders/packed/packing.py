"""From HDF5 files to a store: once over all rows, the valid constituents of the selected columns alone."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from salt_core import RunError, SaltError
from salt_core.data.assemble import check_finite, table_of
from salt_core.data.contents import contents_of
from salt_core.data.files import names_of
from salt_core.data.order import Rows
from salt_core.data.rows import JetFiles
from salt_core.data.workers import follow_parent, sheltered
from salt_core.interfaces.dataloader import LoadRequest
from salt_core.sizes import readable
from salt_plugins.dataloaders.packed.manifest import (
    BLOCK,
    INPUTS,
    ROWS,
    STARTS,
    Manifest,
    StoredFile,
    StoredObject,
    column_file,
    file_name,
    stored_type,
    told_cuts,
)
from salt_plugins.dataloaders.packed.sources import Identity

Array = NDArray[Any]
Part = dict[str, torch.Tensor]

log = logging.getLogger("salt.packed")

#: Bytes of the sources that a worker takes at a time.
BITE = 2**25

#: Jets are taken in multiples of this, as files are often chunked in thousands.
FEWEST = 1000


def write_store(request: LoadRequest, sources: Sequence[Identity], folder: Path) -> None:
    """Fill an empty folder with the store of a sample.

    Parameters
    ----------
    request : LoadRequest
        The files, what is wanted of them, and how many workers read.
    sources : sequence of dict
        The identities of the files, taken before they are read.
    folder : Path
        The folder.

    Raises
    ------
    DataError
        Where an input is not finite or a file cannot be read.
    RunError
        Where the store cannot be written.
    """
    files = JetFiles(request.files, request.selection, request.where)
    num_jets = files.num_jets if request.num_jets < 0 else min(request.num_jets, files.num_jets)
    started = time.perf_counter()
    try:
        with ExitStack() as stack:
            writer = _Writer(files, folder, stack)
            for jets, part in _parts(files, num_jets, request.num_workers):
                writer.append(jets, part)
        manifest = _manifest(request, sources, num_jets, writer)
        manifest.write(folder)
    except OSError as error:
        message = (
            f"the store of {names_of(request.files)} cannot be written in {folder.parent}: {error.strerror}"
        )
        raise RunError(f"{message}; data.cache_dir names another folder") from error
    seconds = time.perf_counter() - started
    log.info(
        "packed %s jets of %s in %.1f s (%s jets/s), %s",
        f"{num_jets:,}",
        names_of(request.files),
        seconds,
        f"{num_jets / seconds:,.0f}",
        readable(manifest.bytes),
    )


def estimated_size(request: LoadRequest) -> int:
    """Tell the bytes of the store of a sample from its first jets.

    Raises
    ------
    DataError
        Where they cannot be stored.
    """
    files = JetFiles(request.files, request.selection, request.where)
    num_jets = files.num_jets if request.num_jets < 0 else min(request.num_jets, files.num_jets)
    first = min(num_jets, FEWEST)
    part = _Pieces(files)[0, first]
    files.close()
    if isinstance(part, SaltError):
        raise part
    return sum(values.numel() for values in part.values()) * num_jets // max(first, 1)


def _parts(files: JetFiles, num_jets: int, workers: int) -> Iterator[tuple[int, Part]]:
    """Yield the columns of consecutive jets, read by worker processes, with a progress bar."""
    size = max(FEWEST, BITE // files.bytes_per_jet() // FEWEST * FEWEST)
    pieces = [(start, min(start + size, num_jets)) for start in range(0, num_jets, size)]
    loader: DataLoader[Any] = DataLoader(
        _Pieces(files),
        sampler=pieces,
        batch_size=None,
        num_workers=min(workers, len(pieces)),
        worker_init_fn=follow_parent,
    )
    with tqdm(total=num_jets, desc="packing", unit=" jets", unit_scale=True, disable=None) as bar:
        with sheltered():
            read = iter(loader)
        for (start, stop), part in zip(pieces, read, strict=True):
            if isinstance(part, SaltError):
                raise part
            yield stop - start, part
            bar.update(stop - start)
    files.close()


class _Pieces(Dataset[Part | SaltError]):
    """The columns of pieces of a sample as plain bytes, which workers hand over without a copy."""

    def __init__(self, files: JetFiles) -> None:
        self.files = files

    def __getitem__(self, rows: Rows) -> Part | SaltError:
        try:
            return self._columns(*rows)
        except SaltError as error:
            return error

    def _columns(self, start: int, stop: int) -> Part:
        selection = self.files.selection
        chunk = self.files.read(start, stop)
        owners = {selection.global_object: chunk.rows}
        for stream, lengths in chunk.lengths.items():
            owners[stream] = np.repeat(owners[selection.global_object], lengths)
        tables = {
            name: table_of(rows, selection.variables.get(name, ())) for name, rows in chunk.records.items()
        }
        check_finite(tables, owners, selection, self.files.places)
        part = {file_name(name, INPUTS): _bytes(table) for name, table in tables.items()}
        for name, rows in chunk.records.items():
            for column in selection.columns.get(name, ()):
                values = rows[column]
                part[column_file(name, column)] = _bytes(values.astype(stored_type(values.dtype)))
        for stream, lengths in chunk.lengths.items():
            part[file_name(stream, STARTS)] = _bytes(lengths.astype(np.int64))
        if self.files.cuts_jets:
            part[file_name(selection.global_object, ROWS)] = _bytes(chunk.rows)
        return part


def _bytes(values: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values).reshape(-1).view(np.uint8))


class _Writer:
    """Appends parts to the files of a store."""

    def __init__(self, files: JetFiles, folder: Path, stack: ExitStack) -> None:
        self.files = files
        self.types = _types(files)
        self._out = {name: _Out(stack.enter_context((folder / name).open("xb"))) for name in self._names()}
        self._rows = dict.fromkeys(files.selection.objects, 0)
        self.not_finite: dict[str, dict[str, int]] = {name: {} for name in files.selection.objects}
        for stream in files.selection.streams:
            self._out[file_name(stream, STARTS)].write(_bytes(np.zeros(1, dtype=np.int64)))

    def append(self, jets: int, part: Part) -> None:
        """Append the columns of some jets."""
        selection = self.files.selection
        self._rows[selection.global_object] += jets
        for stream in selection.streams:
            name = file_name(stream, STARTS)
            lengths = part[name].numpy().view(np.int64)
            ends = self._rows[stream] + np.cumsum(lengths)
            self._rows[stream] += int(lengths.sum())
            part[name] = _bytes(ends)
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


class _Out:
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


def _types(files: JetFiles) -> dict[str, dict[str, np.dtype[Any]]]:
    """Return the types in which further columns are kept, by object and column."""
    chunk = files.read(0, min(1, files.num_jets))
    return {
        name: {
            column: stored_type(chunk.records[name].dtype[column])
            for column in files.selection.columns.get(name, ())
        }
        for name in files.selection.objects
    }


def _manifest(request: LoadRequest, sources: Sequence[Identity], num_jets: int, writer: _Writer) -> Manifest:
    selection = request.selection
    names: Mapping[str, Mapping[str, tuple[str, ...]]] = contents_of(request.files, selection).class_names
    objects = {
        name: StoredObject(
            dataset=selection.datasets[name],
            rows=writer.rows(name),
            inputs=list(selection.variables.get(name, ())),
            columns={column: dtype.str for column, dtype in writer.types[name].items()},
            not_finite=writer.not_finite[name],
            class_names={column: list(found) for column, found in names[name].items()},
            num_inputs=selection.num_inputs.get(name),
            cuts=told_cuts(selection).get(name, []),
        )
        for name in selection.objects
    }
    return Manifest(selection.global_object, num_jets, objects, list(sources), writer.written())

"""An open store: mapped files, their checksums, and batches gathered from them."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import time
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from salt_core import DataError, JetBatch
from salt_core.data.assemble import jet_batch
from salt_core.data.batch import by_length, ranges, sum_of
from salt_core.files import write_whole
from salt_core.interfaces.dataloader import Selection
from salt_core.limits import usable_cpus
from salt_core.shelf import state_folder
from salt_plugins.dataloaders.packed.manifest import (
    BLOCK,
    INPUTS,
    ROWS,
    STARTS,
    Manifest,
    column_file,
    file_name,
    missing,
    told_cuts,
)

Array = NDArray[Any]

#: Seconds for which one process trusts what another has verified, while the files are not touched.
TRUST = 600


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
        self._refuse_unfit()
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
            path = self.folder / name
            with _open(path) as file:
                found = os.fstat(file.fileno()).st_size
                if found != size:
                    raise DataError(f"{path} has {found} bytes, not the {size} that were written")
                self._maps[name] = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)
        return np.frombuffer(self._maps[name], dtype=dtype).reshape(shape)

    def _refuse_unfit(self) -> None:
        lacking = missing(self.manifest, self.selection)
        if lacking or self.manifest.global_object != self.selection.global_object:
            named = ", ".join(f"{name}/{column}" if column else name for name, column in lacking)
            raise DataError(f"the store {self.folder} does not have {named or self.selection.global_object}")
        for name, limit in self.selection.num_inputs.items():
            kept = self.manifest.objects[name].num_inputs
            if kept != limit:
                raise DataError(
                    f"data.num_inputs limits {name} to {limit}, but the store {self.folder} was made with "
                    f"{'all' if kept is None else kept}; make one with this limit"
                )
        cuts = told_cuts(self.selection)
        for name in self.selection.objects:
            made, wanted = self.manifest.objects[name].cuts, cuts.get(name, [])
            if made != wanted:
                raise DataError(
                    f"data.selections has {' and '.join(wanted) or 'no cuts'} for {name}, but the store "
                    f"{self.folder} was made with {' and '.join(made) or 'none'}; make one with these"
                )
        for name, item in self.manifest.objects.items():
            for variable in self.selection.variables.get(name, ()):
                bad = item.not_finite.get(variable) if variable not in item.inputs else 0
                if bad:
                    message = f"{name}/{variable} has {bad} input values that are not finite"
                    raise DataError(f"{message}, in the store {self.folder}")


def verify(folder: Path) -> None:
    """Compare every byte of a store with its checksums.

    What a process has verified is trusted for some minutes by those that start beside it, as long as
    nothing touches the files.

    Raises
    ------
    DataError
        Where a file is missing, too short, or has changed.
    """
    manifest = Manifest.read(folder)
    state = {name: _state(folder / name) for name in manifest.files}
    if _trusted(folder, state):
        return
    with ThreadPoolExecutor(usable_cpus()) as pool:
        checks = [
            pool.submit(_check_block, folder / name, index, crc, file.bytes)
            for name, file in manifest.files.items()
            for index, crc in enumerate(file.crc32)
        ]
        for check in checks:
            check.result()
    _remember(folder, state)


def _check_block(path: Path, index: int, crc: int, size: int) -> None:
    start = index * BLOCK
    with _open(path) as file:
        found = os.fstat(file.fileno()).st_size
        if found != size:
            raise DataError(f"{path} has {found} bytes, not the {size} that were written")
        if not size:
            return
        with mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as view:
            if zlib.crc32(view[start : start + BLOCK]) != crc:
                raise DataError(
                    f"{path} is damaged: bytes {start} to {min(start + BLOCK, size)} have changed"
                )


def _open(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _state(path: Path) -> list[int]:
    """Return what changes with a file's content, even where its modification time is put back."""
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _note_of(folder: Path) -> Path:
    """Name the note of what was verified: not in the store, which would be another one for staging then."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return state_folder() / "verified" / name


def _remember(folder: Path, state: dict[str, list[int]]) -> None:
    with suppress(OSError, RuntimeError):  # RuntimeError: no home folder
        note = _note_of(folder)
        note.parent.mkdir(parents=True, exist_ok=True)
        for old in note.parent.iterdir():
            if time.time() - old.stat().st_mtime > TRUST:
                old.unlink(missing_ok=True)
        write_whole(note, json.dumps({"at": time.time(), "state": state}))


def _trusted(folder: Path, state: dict[str, list[int]]) -> bool:
    try:
        note = json.loads(_note_of(folder).read_text(encoding="utf-8"))
        return bool(note["state"] == state and 0 <= time.time() - note["at"] < TRUST)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError):
        return False

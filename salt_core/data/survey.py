"""Looks at a file for a person: structure, constituents, classes, what is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from salt_core.data.blocks import (
    Array,
    datasets_of,
    entries_of,
    filters_of,
    is_stream,
    lost_sources,
    read_blocks,
    row_bytes,
    valid_entries,
)
from salt_core.data.file_report import Class, Constituents, Dataset, Field, Label, Report
from salt_core.data.hdf5 import VALID, class_names, opened, text
from salt_core.data.statistics import Moments, ValueCounts
from salt_core.errors import DataError
from salt_core.files import shown

Progress = Callable[[int], object]


def bytes_to_read(path: Path) -> int:
    """Return the raw bytes of all values of the file, what a survey of it reads."""
    with opened(path) as file:
        return sum(_raw_bytes(dataset) for dataset in datasets_of(file).values())


def survey(path: Path, quick: bool = False, progress: Progress = lambda _: None) -> Report:
    """Look at a file.

    Parameters
    ----------
    path : Path
        The file.
    quick : bool, optional
        Whether to read the headers alone and no values.
    progress : callable, optional
        Told how many raw bytes were read since it was last called.

    Raises
    ------
    ConfigError
        Where there is no such file, or it is not HDF5.
    DataError
        Where it cannot be opened.
    """
    with opened(path) as file:
        datasets = []
        for entry in entries_of(file):
            if isinstance(entry.item, h5py.Dataset):
                datasets.append(_dataset(entry.path, entry.item, entry.link, quick, progress))
            else:
                kind = "broken link" if entry.item is None else "group"
                attributes = {} if entry.item is None else _attributes(entry.item)
                datasets.append(Dataset(entry.path, kind, entry.link, attributes))
        return Report(shown(path), path.stat().st_size, not quick, _attributes(file), tuple(datasets))


def _dataset(path: str, dataset: h5py.Dataset, link: str | None, quick: bool, progress: Progress) -> Dataset:
    seen = _Values(dataset)
    value, fault = None, None
    try:
        if not quick and dataset.shape == ():
            value = plain(dataset[()])
        elif not quick and dataset.shape is not None:
            seen.read(progress)
    except (DataError, OSError) as error:
        seen, fault = _Values(dataset), str(error)
    return Dataset(
        path=path,
        kind="virtual dataset" if dataset.is_virtual else "dataset",
        link=link,
        attributes=_attributes(dataset),
        shape=dataset.shape,
        chunks=dataset.chunks,
        filters=tuple(name for _, name in filters_of(dataset)),
        raw_bytes=_raw_bytes(dataset),
        stored_bytes=None if dataset.is_virtual else dataset.id.get_storage_size(),
        sources=_sources(dataset),
        lost=tuple(lost_sources(dataset)),
        fields=tuple(seen.fields()),
        constituents=seen.constituents(),
        labels=tuple(seen.labels()),
        value=value,
        fault=fault,
    )


def _raw_bytes(dataset: h5py.Dataset) -> int:
    if dataset.shape is None:
        return 0
    size: int = dataset.dtype.itemsize * math.prod(dataset.shape)
    return size


def _sources(dataset: h5py.Dataset) -> tuple[str, ...]:
    if not dataset.is_virtual:
        return ()
    return tuple(
        dict.fromkeys(f"{source.file_name}:{source.dset_name}" for source in dataset.virtual_sources())
    )


def _attributes(item: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    found = {}
    for name in item.attrs:
        try:
            found[name] = plain(item.attrs[name])
        except (OSError, TypeError) as error:
            found[name] = f"cannot be read: {error}"
    return found


def plain(value: object) -> Any:
    """Turn a value of a file into numbers, texts, lists and mappings, all of which JSON knows."""
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.void) and value.dtype.names:
        return {name: plain(value[name]) for name in value.dtype.names}
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value] if value.ndim else plain(value[()])
    if isinstance(value, np.bool_ | np.integer | np.floating):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float) else text(value)


class _Values:
    """What the values of a dataset are like, collected in one pass over its rows."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.dataset = dataset
        self.types = {name: dataset.dtype[name] for name in dataset.dtype.names or ()} or {"": dataset.dtype}
        self.moments = {name: Moments() for name, kind in self.types.items() if kind.base.kind in "fiub"}
        self.counts = {name: ValueCounts() for name in self.types if self._is_label(name)}
        self.lengths = Moments() if is_stream(dataset) else None
        self.valid = self.empty = 0
        if self.lengths is not None:
            self.moments.pop(VALID)  # set for every constituent that is counted

    def _is_label(self, name: str) -> bool:
        if not name or self.types[name].kind not in "iub":
            return False
        return "label" in name.lower() or class_names(self.dataset, name) is not None

    def read(self, progress: Progress) -> None:
        if not self.moments:
            progress(_raw_bytes(self.dataset))
            return
        for rows in read_blocks(self.dataset, len(self.dataset)):
            entries = self._valid(rows)
            for name, moments in self.moments.items():
                moments.add(entries[name] if name else entries)
            for name, counts in self.counts.items():
                counts.add(entries[name])
            progress(len(rows) * row_bytes(self.dataset))

    def _valid(self, rows: Array) -> Array:
        """Return the rows, or the valid constituents (N,) of rows of slots, whose numbers are taken."""
        if self.lengths is None:
            return rows
        lengths = np.count_nonzero(rows[VALID], axis=1)
        self.lengths.add(lengths)
        self.valid += int(lengths.sum())
        self.empty += int((lengths == 0).sum())
        return valid_entries(rows)

    def fields(self) -> Iterator[Field]:
        for name, kind in self.types.items():
            yield _field(name, kind, self.moments.get(name, Moments()))

    def constituents(self) -> Constituents | None:
        if self.lengths is None or not self.lengths.count:
            return None
        mean, slots = self.lengths.mean, self.dataset.shape[1]
        padding = 1 - mean / slots if slots else 0.0
        return Constituents(self.valid, mean, int(self.lengths.maximum), self.empty, padding)

    def labels(self) -> Iterator[Label]:
        for name, counts in self.counts.items():
            if counts.total:
                names = class_names(self.dataset, name) or ()
                yield Label(name, None if counts.too_many else tuple(_classes(counts, names)))


def _field(name: str, kind: np.dtype[Any], moments: Moments) -> Field:
    floating = kind.base.kind == "f" and moments.total > 0
    return Field(
        name=name,
        type=type_text(kind),
        mean=moments.mean if moments.count else None,
        std=moments.std if moments.count else None,
        minimum=moments.minimum if moments.count else None,
        maximum=moments.maximum if moments.count else None,
        nan=moments.nans if floating else None,
        infinite=moments.infinities if floating else None,
    )


def type_text(kind: np.dtype[Any]) -> str:
    """Name the type of a field or dataset; what NumPy calls objects are texts, references or arrays in HDF5."""
    if kind.subdtype is not None:
        return f"{type_text(kind.base)} {kind.shape}"
    if kind.names is not None:
        return f"fields {', '.join(kind.names)}"
    if h5py.check_string_dtype(kind) is not None:
        return "string"
    if h5py.check_ref_dtype(kind) is not None:
        return "reference"
    inner = h5py.check_vlen_dtype(kind)
    if inner is not None:
        return f"arrays of {inner}"
    return f"{kind} enum" if h5py.check_enum_dtype(kind) else str(kind)


def _classes(counts: ValueCounts, names: tuple[str, ...]) -> Iterator[Class]:
    """List the values in order, and those classes too that have a name and never occur."""
    for value in sorted({*counts.counts, *range(len(names))}):
        number = counts.counts.get(value, 0)
        name = names[value] if 0 <= value < len(names) else None
        yield Class(value, name, number, number / counts.total)

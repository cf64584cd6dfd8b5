"""Datasets of an HDF5 file one after the other, and their rows in blocks that fit into memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from salt_core.data.hdf5 import VALID, text
from salt_core.errors import DataError

#: Raw bytes read at once; small enough that the values of a column stay in a processor's cache.
BLOCK_BYTES = 4 << 20

#: Raw bytes read at once where a single chunk of the file is larger than a block.
MOST_BYTES = 256 << 20

Array = NDArray[Any]


@dataclass(frozen=True)
class Entry:
    """A place in a file.

    Parameters
    ----------
    path : str
        Its path, without the leading slash.
    item : h5py.Dataset, h5py.Group or None
        What is there; None where a link leads nowhere.
    link : str or None
        What a soft or external link points to.
    """

    path: str
    item: h5py.Dataset | h5py.Group | None
    link: str | None = None


def entries_of(group: h5py.Group) -> Iterator[Entry]:
    """List groups and datasets below `group`, depth first; groups behind soft links are not entered."""
    yield from _entries(group, "", {group})


def datasets_of(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """Return all datasets below `group` by their paths, those that links lead to as well."""
    return {entry.path: entry.item for entry in entries_of(group) if isinstance(entry.item, h5py.Dataset)}


def tables_of(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """Return the datasets with named fields below `group` by their paths."""
    return {path: dataset for path, dataset in datasets_of(group).items() if dataset.dtype.names}


def _entries(group: h5py.Group, prefix: str, around: set[Any]) -> Iterator[Entry]:
    for name in group:
        path, link = f"{prefix}{name}", _link_text(group.get(name, getlink=True))
        try:
            item = group[name]
        except (KeyError, OSError):
            yield Entry(path, None, link or "what cannot be opened")
            continue
        if isinstance(item, h5py.Dataset | h5py.Group):
            yield Entry(path, item, link)
        if isinstance(item, h5py.Group) and link is None and item not in around:
            yield from _entries(item, f"{path}/", around | {item})


def _link_text(link: object) -> str | None:
    if isinstance(link, h5py.ExternalLink):
        return f"{link.path} of {link.filename}"
    return link.path if isinstance(link, h5py.SoftLink) else None


def is_stream(dataset: h5py.Dataset) -> bool:
    """Tell whether `dataset` holds slots of constituents (jets, slots), with a flag that says which are."""
    if dataset.ndim != 2 or VALID not in (dataset.dtype.names or ()):
        return False
    return dataset.dtype[VALID].kind in "bui"


def row_bytes(dataset: h5py.Dataset) -> int:
    """Return the raw bytes of one row of `dataset`."""
    size: int = dataset.dtype.itemsize * math.prod(dataset.shape[1:])
    return max(size, 1)


def rows_at_once(dataset: h5py.Dataset) -> int:
    """Return how many rows make a block: whole chunks, so that none is unpacked twice, unless they are huge."""
    rows, most = (max(size // row_bytes(dataset), 1) for size in (BLOCK_BYTES, MOST_BYTES))
    chunk = int(dataset.chunks[0]) if dataset.chunks else 1
    return min(max(rows // chunk, 1) * chunk, most)


def read_blocks(dataset: h5py.Dataset, num_rows: int) -> Iterator[Array]:
    """Read the first `num_rows` rows of `dataset` in blocks.

    Every field is read, because HDF5 takes longer to pick some of them than to read them all.

    Raises
    ------
    DataError
        Where rows cannot be read.
    """
    step = rows_at_once(dataset)
    for start in range(0, num_rows, step):
        stop = min(start + step, num_rows)
        try:
            yield dataset[start:stop]
        except OSError as error:
            place = f"rows {start} to {stop} of dataset {dataset.name!r} of {dataset.file.filename}"
            raise DataError(f"{place} cannot be read: {error}{_missing_filter(dataset)}") from error


def valid_entries(rows: Array) -> Array:
    """Return the valid constituents (N,) of rows of slots (B, P); other rows (B,) are their own entries."""
    if rows.ndim == 1:
        return rows
    entries: Array = rows.reshape(-1)[np.flatnonzero(rows[VALID])]
    return entries


def filters_of(dataset: h5py.Dataset) -> list[tuple[int, str]]:
    """List the filters of a dataset's chunks, such as its compression, by number and name."""
    made = dataset.id.get_create_plist()
    filters = [made.get_filter(i) for i in range(made.get_nfilters())]
    return [(code, _FILTERS.get(code) or text(name) or str(code)) for code, _, _, name in filters]


_FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "checksum",
    h5py.h5z.FILTER_SZIP: "szip",
    h5py.h5z.FILTER_LZF: "lzf",
    32001: "blosc",
    32004: "lz4",
    32015: "zstd",
    32026: "blosc2",
}


def _missing_filter(dataset: h5py.Dataset) -> str:
    missing = [name for code, name in filters_of(dataset) if not h5py.h5z.filter_avail(code)]
    if not missing:
        return ""
    return (
        f"; it is packed by the filter {', '.join(missing)}, which HDF5 does not have here: point HDF5_PLUGIN_PATH "
        "to a folder that holds it, such as hdf5plugin.PLUGIN_PATH of the package hdf5plugin"
    )


def lost_sources(dataset: h5py.Dataset) -> list[str]:
    """List the files of a virtual dataset that are gone; HDF5 reads blanks in their place, and says nothing."""
    if not dataset.is_virtual:
        return []
    folder = Path(dataset.file.filename).parent
    names = dict.fromkeys(source.file_name for source in dataset.virtual_sources())
    return [name for name in names if not _exists(name, folder)]


def _exists(name: str, folder: Path) -> bool:
    if name == "." or "%" in name:  # the file itself, or a series of files that HDF5 counts up
        return True
    return any(place.exists() for place in (folder / name, folder / Path(name).name, Path(name)))

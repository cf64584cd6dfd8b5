"""What tells one state of a data file from another, at the price of a look at its ends."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py

from salt_core.data.hdf5 import opened
from salt_core.errors import SaltError

MIB = 2**20
#: Most that is read of all files together; with more files than that allows, less is read of each end.
BUDGET = 512 * MIB
_READERS = 8


def fingerprints(samples: Mapping[str, Sequence[Path]], dataset: str) -> dict[str, Any]:
    """Describe the files of samples: path, size, rows, and a checksum of the first and the last MiB.

    Parameters
    ----------
    samples : mapping of str to sequence of Path
        The files of each sample.
    dataset : str
        The dataset with one row per jet.

    Returns
    -------
    dict
        ``checksum``, which says what the checksums are of, and for each sample a list with a mapping for
        each file. What cannot be read is None; a file that is gone has a ``fault``.
    """
    number = sum(len(files) for files in samples.values())
    end = min(MIB, BUDGET // (2 * max(number, 1)))
    told: dict[str, Any] = {"checksum": f"crc32 of the first {end} and the last {end} bytes"}
    with ThreadPoolExecutor(_READERS) as readers:
        for sample, files in samples.items():
            told[sample] = list(readers.map(lambda path: _fingerprint(path, dataset, end), files))
    return told


def _fingerprint(path: Path, dataset: str, end: int) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        return {
            "path": str(path),
            "size": size,
            "rows": _rows(path, dataset),
            "crc32": checksum_of_ends(path, end),
        }
    except OSError as error:
        return {"path": str(path), "fault": error.strerror or str(error)}


def checksum_of_ends(path: Path, end: int = MIB) -> str:
    """Return the CRC-32 of the first `end` bytes of a file and, after them, the last; they may overlap."""
    with path.open("rb") as file:
        checksum = zlib.crc32(file.read(end))
        file.seek(max(path.stat().st_size - end, 0))
        return f"{zlib.crc32(file.read(end), checksum):08x}"


def _rows(path: Path, dataset: str) -> int | None:
    """Return the rows of a dataset; None where the file is not HDF5 or has no such dataset."""
    if not h5py.is_hdf5(path):
        return None
    try:
        with opened(path) as file:
            found = file.get(dataset)
            return len(found) if isinstance(found, h5py.Dataset) and found.shape else None
    except SaltError:
        return None

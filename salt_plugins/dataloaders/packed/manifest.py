"""What a store holds, where it came from, and how its files are told from damaged ones."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import DTypeLike

from salt_core import DataError
from salt_core.interfaces.dataloader import Selection

NAME = "manifest.json"
FORMAT = 1

#: Bytes of a file that have a checksum of their own.
BLOCK = 2**25

INPUTS = "inputs"
STARTS = "starts"
ROWS = "rows"

#: What an object has beside further columns: its inputs; the first constituent of each jet; the jets' rows
#: in the sample where some did not pass the cuts.
PARTS = (INPUTS, STARTS, ROWS)


@dataclass(frozen=True)
class StoredFile:
    """A file of the store.

    Parameters
    ----------
    bytes : int
        Its size.
    crc32 : list of int
        Checksums of its consecutive blocks of `BLOCK` bytes.
    """

    bytes: int
    crc32: list[int]


@dataclass(frozen=True)
class StoredObject:
    """Jets, or one stream of constituents.

    Parameters
    ----------
    dataset : str
        Path of the dataset in the sources.
    rows : int
        Jets, or valid constituents.
    inputs : list of str
        Variables that lie side by side as float32, one row each.
    columns : dict of str to str
        Further columns and their types, each in a file of its own.
    not_finite : dict of str to int
        Values of those columns that are NaN or infinite, where there are any.
    class_names : dict of str to list of str
        Names of the classes of labels, where the sources have them.
    num_inputs : int, optional
        Most constituents per jet that were read.
    cuts : list of str
        What they have passed.
    """

    dataset: str
    rows: int
    inputs: list[str]
    columns: dict[str, str]
    not_finite: dict[str, int]
    class_names: dict[str, list[str]]
    num_inputs: int | None = None
    cuts: list[str] = field(default_factory=list)

    @property
    def known(self) -> tuple[str, ...]:
        """All its variables and columns."""
        return tuple(dict.fromkeys((*self.inputs, *self.columns)))


@dataclass(frozen=True)
class Manifest:
    """Description of a store.

    Parameters
    ----------
    global_object : str
        The object with one row per jet.
    num_jets : int
        Jets in the store.
    objects : dict of str to StoredObject
        The global object, then the streams.
    sources : list of dict
        Path, size and modification time of each file that it was made of, and shape and type of each of
        its datasets.
    files : dict of str to StoredFile
        Its files by name.
    version : int
        Version of the format.
    """

    global_object: str
    num_jets: int
    objects: dict[str, StoredObject]
    sources: list[dict[str, Any]]
    files: dict[str, StoredFile]
    version: int = FORMAT

    @property
    def bytes(self) -> int:
        """Size of the store."""
        return sum(file.bytes for file in self.files.values())

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams of constituents."""
        return tuple(name for name in self.objects if name != self.global_object)

    def write(self, folder: Path) -> None:
        """Write it into the folder of the store."""
        found = asdict(self)
        text = json.dumps(found | {"crc32": _checksum(found)}, indent=1)
        (folder / NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a store.

        Raises
        ------
        DataError
            Where there is none, or it is of another version or damaged.
        """
        path = folder / NAME
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["version"] != FORMAT:
                raise DataError(f"{path} is of version {found['version']}; this is for version {FORMAT}")
            if found.pop("crc32") != _checksum(found):
                raise DataError(f"{path} is damaged: it is not what was written")
            objects = {name: StoredObject(**item) for name, item in found.pop("objects").items()}
            files = {name: StoredFile(**item) for name, item in found.pop("files").items()}
            return cls(objects=objects, files=files, **found)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{path} cannot be read: {error}") from error


def _checksum(found: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(found, sort_keys=True).encode())


def is_store(path: Path) -> bool:
    """Tell whether a path is a store."""
    return (path / NAME).is_file()


def file_name(name: str, part: str) -> str:
    """Name the file of a part of an object: one of `PARTS`, or what `column_file` calls a column."""
    return f"{quote(name, safe='').replace('.', '%2E')}.{part}"


def column_file(name: str, column: str) -> str:
    """Name the file of a further column, whatever the column is called."""
    part = quote(column, safe="")
    return file_name(name, f"%{part}" if part in PARTS else part)


def stored_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which a column is kept: float32, bool, or the integer that it is."""
    wanted: DTypeLike = np.float32 if dtype.kind == "f" else dtype
    return np.dtype(wanted).newbyteorder("<")


def told_cuts(selection: Selection) -> dict[str, list[str]]:
    """Write the cuts of a selection down, by the objects that have some."""
    return {name: [str(cut) for cut in cuts] for name, cuts in selection.cuts.items() if cuts}


def missing(manifest: Manifest, selection: Selection) -> list[tuple[str, str]]:
    """List what `selection` asks for and the store does not hold, as object and column."""
    known: Mapping[str, StoredObject] = manifest.objects
    return [
        (name, column)
        for name in selection.objects
        for column in (selection.wanted(name) or ("",))
        if name not in known or (column and column not in known[name].known)
    ]

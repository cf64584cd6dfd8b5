"""HDF5 files of jets: opening them, and checking that they hold what is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from salt_core.data.request import Selection
from salt_core.errors import ConfigError, DataError, SaltError, raise_all, suggest

VALID = "valid"

Types = dict[str, str]


def open_file(path: Path, where: str = "") -> h5py.File:
    """Open an HDF5 file for reading, without HDF5's own locks, which network file systems lack.

    Parameters
    ----------
    path : Path
        The file.
    where : str, optional
        The YAML key path that names it, for messages.

    Raises
    ------
    ConfigError
        Where there is no such file, or it is not HDF5.
    DataError
        Where it is cut short or cannot be read.
    """
    if not path.is_file():
        reason = "is a folder" if path.is_dir() else "does not exist"
        raise ConfigError(f"the file {path} {reason}", where)
    try:
        if not h5py.is_hdf5(path):
            raise ConfigError(f"{path} is not an HDF5 file", where)
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        reason = "is truncated" if "truncated" in str(error) else "cannot be read"
        raise DataError(f"{path} {reason}: {error}", where) from error


@contextmanager
def opened(path: Path, where: str = "") -> Iterator[h5py.File]:
    """Open an HDF5 file for the time of the context; what HDF5 cannot make out in it is a `DataError`.

    A byte that has changed may come to light anywhere: in a header, a name or an attribute.
    """
    try:
        with open_file(path, where) as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise DataError(f"{path} cannot be read, it may be damaged: {error}", where) from error


def dataset_of(file: h5py.File, selection: Selection, name: str, where: str = "") -> h5py.Dataset:
    """Return the structured dataset of object `name`.

    Raises
    ------
    ConfigError
        Where it is missing or not an array with named fields.
    """
    path = selection.datasets[name]
    dataset = file.get(path)
    if not isinstance(dataset, h5py.Dataset):
        others = file.keys() - {path}  # of that name there may be a group
        message = f"{file.filename} has no dataset {path!r} for object {name!r}; {suggest(path, others)}"
        raise ConfigError(message, where)
    dimensions = 1 if name == selection.global_object else 2
    if dataset.dtype.names is None or dataset.ndim != dimensions:
        what = "one row per jet" if dimensions == 1 else "shape (jets, constituents)"
        raise ConfigError(
            f"dataset {path!r} of {file.filename} has shape {dataset.shape} and type {dataset.dtype}; "
            f"needed: named fields and {what}",
            where,
        )
    return dataset


def fields_of(selection: Selection, name: str) -> tuple[str, ...]:
    """List the fields of object `name` that are read: its columns, and of a stream what tells valid slots."""
    flag = () if name == selection.global_object else (VALID,)
    return (*selection.read(name), *flag)


def class_names(dataset: h5py.Dataset, column: str) -> tuple[str, ...] | None:
    """Return the names of a label's classes: the list that is the attribute of its name; None without one."""
    names = dataset.attrs.get(column)
    if not isinstance(names, np.ndarray) or names.ndim != 1:
        return None
    return tuple(text(name) for name in names)


def text(value: object) -> str:
    """Write a text of a file, whose bytes may be no UTF-8; h5py hides them in characters that nothing can print."""
    plain = value if isinstance(value, bytes) else str(value).encode(errors="surrogateescape")
    return plain.decode(errors="replace")


def check_columns(file: h5py.File, selection: Selection, where: str = "") -> int:
    """Check that `file` holds every dataset and column of `selection`, and return its number of jets.

    Raises
    ------
    ConfigError
        One that tells everything that is missing or has a type that is no number.
    """
    faults: list[SaltError] = []
    lengths: dict[str, int] = {}
    for name in selection.objects:
        try:
            dataset = dataset_of(file, selection, name, where)
        except ConfigError as fault:
            faults.append(fault)
            continue
        lengths[name] = dataset.shape[0]
        faults += [
            fault
            for column in fields_of(selection, name)
            for fault in _column_faults(file, dataset, (name, column), where)
        ]
    if len(set(lengths.values())) > 1:
        faults.append(DataError(f"the datasets of {file.filename} differ in length: {lengths}", where))
    raise_all(faults)
    return lengths[selection.global_object]


def check_files(files: Sequence[Path], selection: Selection, where: str = "") -> list[int]:
    """Check that files hold everything of `selection`, in the same types, and return the jets of each.

    Raises
    ------
    SaltError
        One that names every file and column where something is wrong.
    """
    sizes, types = [], []
    faults: list[SaltError] = []
    for path in files:
        try:
            with opened(path, where) as file:
                sizes.append(check_columns(file, selection, where))
                types.append(types_of(file, selection))
        except SaltError as fault:
            faults.append(fault)
    raise_all(faults)
    faults = [
        ConfigError(f"{column} is {kind} in {path}, but {types[0][column]} in {files[0]}", where)
        for path, found in zip(files, types, strict=True)
        for column, kind in found.items()
        if kind != types[0][column]
    ]
    raise_all(faults)
    return sizes


def types_of(file: h5py.File, selection: Selection) -> Types:
    """Return the type of every column of `selection`, by ``dataset/column``."""
    found: Types = {}
    for name in selection.objects:
        dataset = dataset_of(file, selection, name)
        found |= {f"{dataset.name}/{c}": str(dataset.dtype[c]) for c in fields_of(selection, name)}
    return found


class MissingColumn(ConfigError):  # noqa: N818 - named as what it is about
    """A column that a file does not have.

    Parameters
    ----------
    place : str
        Dataset and file.
    key : tuple of str and str
        The object and the column.
    hint : str
        What may have been meant.
    where : str
        The YAML key path of the file.
    askers : sequence of str, optional
        Key paths of the plugins that ask for it.
    """

    def __init__(
        self, place: str, key: tuple[str, str], hint: str, where: str, askers: Sequence[str] = ()
    ) -> None:
        verb = "asks" if len(askers) == 1 else "ask"
        asked = f", for which {' and '.join(askers)} {verb}" if askers else ""
        super().__init__(f"{place} has no variable {key[1]!r}{asked}; {hint}", where)
        self.place = place
        self.key = key
        self.hint = hint

    def asked_by(self, askers: Sequence[str]) -> MissingColumn:
        """Return the same error that names who asks for the column."""
        return MissingColumn(self.place, self.key, self.hint, self.where, askers)


def _column_faults(
    file: h5py.File, dataset: h5py.Dataset, key: tuple[str, str], where: str
) -> list[ConfigError]:
    column = key[1]
    if column not in dataset.dtype.names:
        place = f"dataset {dataset.name!r} of {file.filename}"
        return [MissingColumn(place, key, suggest(column, dataset.dtype.names), where)]
    kind = dataset.dtype[column]
    numbers = "b" if column == VALID else "biuf"
    if kind.kind in numbers or (column == VALID and kind.kind in "iu"):
        return []
    message = f"{dataset.name}/{column} of {file.filename} has type {kind}; needed: one number per entry"
    return [ConfigError(message, where)]

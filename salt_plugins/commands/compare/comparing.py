"""How far apart two files of predictions are, read a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from salt_core.data.blocks import datasets_of

Array = NDArray[Any]

#: Bytes of one file that are read at a time.
PIECE_BYTES = 50_000_000


@dataclass
class Column:
    """How far a column of one file is from that of the other.

    Parameters
    ----------
    name : str
        Dataset and column, such as ``jets/GN2_pb``.
    trouble : str, optional
        Why the two cannot be compared; empty where they can.
    absolute, relative : float, optional
        Largest difference, and largest difference over the second file's value, where both are finite.
    one_nan : int, optional
        Entries that are NaN in one file alone.
    wrong : int, optional
        Entries that differ by more than is allowed, those above included.
    entries : int, optional
        Entries that were compared.
    """

    name: str
    trouble: str = ""
    absolute: float = 0.0
    relative: float = 0.0
    one_nan: int = 0
    wrong: int = 0
    entries: int = 0

    @property
    def agrees(self) -> bool:
        """Whether all entries are the same as far as is asked."""
        return not self.trouble and not self.wrong

    def add(self, a: Array, b: Array, atol: float, rtol: float) -> None:
        """Compare some entries of both files."""
        self.entries += a.size
        if not (is_number(a) and is_number(b)):
            self.wrong += int(np.sum(a != b))
            return
        far = _distances(a, b)
        a, b = a.astype(np.float64), b.astype(np.float64)
        self.one_nan += int((np.isnan(a) != np.isnan(b)).sum())
        allowed = atol + rtol * np.where(np.isfinite(b), np.abs(b), 0.0)
        self.wrong += int((~(far <= allowed)).sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(far > 0, far / np.abs(b), 0.0)
        self.absolute = max(self.absolute, _largest(far))
        self.relative = max(self.relative, _largest(shares))


def compare_files(a: h5py.File, b: h5py.File, atol: float, rtol: float) -> list[Column]:
    """Compare all datasets of two files.

    Parameters
    ----------
    a, b : h5py.File
        The files.
    atol, rtol : float
        What two entries may differ by: ``atol + rtol * |b|``.

    Returns
    -------
    list of Column
        One for each column of either file.
    """
    of_a, of_b = datasets_of(a), datasets_of(b)
    found: list[Column] = []
    for name in dict.fromkeys([*of_a, *of_b]):
        if name not in of_a or name not in of_b:
            found.append(Column(name, f"in the {'second' if name not in of_a else 'first'} file alone"))
        elif of_a[name].shape != of_b[name].shape:
            found.append(Column(name, f"{_shape(of_a[name])} and {_shape(of_b[name])} rows"))
        else:
            found += _compare(name, of_a[name], of_b[name], atol, rtol)
    return found


def is_number(values: Array) -> bool:
    """Tell whether values are numbers or flags."""
    return values.dtype.kind in "iufb"


def _compare(name: str, a: h5py.Dataset, b: h5py.Dataset, atol: float, rtol: float) -> list[Column]:
    """Compare two datasets of equal shape."""
    fields_a, fields_b = a.dtype.names, b.dtype.names
    if fields_a is None and fields_b is None:
        column = Column(name)
        for part_a, part_b in _pieces(a, b):
            column.add(part_a, part_b, atol, rtol)
        return [column]
    columns = {
        field: Column(f"{name}/{field}", _only(field, fields_a or (), fields_b or ()))
        for field in dict.fromkeys([*(fields_a or ()), *(fields_b or ())])
    }
    for part_a, part_b in _pieces(a, b):
        for field, column in columns.items():
            if not column.trouble:
                column.add(part_a[field], part_b[field], atol, rtol)
    return list(columns.values())


def _only(field: str, fields_a: tuple[str, ...], fields_b: tuple[str, ...]) -> str:
    if field not in fields_a:
        return "in the second file alone"
    return "" if field in fields_b else "in the first file alone"


def _pieces(a: h5py.Dataset, b: h5py.Dataset) -> Iterator[tuple[Array, Array]]:
    """Read both datasets a piece at a time; one without an axis is a piece."""
    if not a.shape:
        yield np.asarray(a[()]), np.asarray(b[()])
        return
    per_row = max(a.dtype.itemsize, b.dtype.itemsize) * int(np.prod(a.shape[1:]))
    step = max(PIECE_BYTES // max(per_row, 1), 1)
    for start in range(0, a.shape[0], step):
        yield a[start : start + step], b[start : start + step]


def _distances(a: Array, b: Array) -> Array:
    """Return ``|a - b|``, 0 where both are NaN or the same infinity; float64."""
    if a.dtype.kind in "iub" and b.dtype.kind in "iub":
        # Not every long integer, such as an event number, has a floating-point number of its own.
        return np.abs(a.astype(np.int64) - b.astype(np.int64)).astype(np.float64)
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))


def _largest(values: Array) -> float:
    """Return the largest value, infinity included; 0 of none."""
    return float(np.where(np.isnan(values), 0.0, values).max(initial=0.0))


def _shape(dataset: h5py.Dataset) -> str:
    return " x ".join(map(str, dataset.shape)) or "no"


def table_of(columns: Sequence[Column]) -> list[str]:
    """Write the table, a line for each column and a head."""
    width = max(len("column"), *(len(column.name) for column in columns))
    head = f"  {'column':<{width}}  {'max abs':>9}  {'max rel':>9}  {'NaN in one':>10}  {'too far':>8}"
    return [head, *(_line(column, width) for column in columns)]


def _line(column: Column, width: int) -> str:
    mark, name = " " if column.agrees else "!", f"{column.name:<{width}}"
    if column.trouble:
        return f"{mark} {name}  {column.trouble}"
    return (
        f"{mark} {name}  {column.absolute:>9.3g}  {column.relative:>9.3g}  {column.one_nan:>10}  "
        f"{column.wrong:>8}"
    )

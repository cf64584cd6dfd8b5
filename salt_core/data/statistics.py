"""Statistics of values that come in pieces: moments, what is not finite, and how often each integer occurs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Different values that a column of integers may have and still be counted.
MOST_VALUES = 1000

#: Range of integers up to which they are counted by position, which needs no sorting.
WIDEST_TABLE = 1 << 16

Array = NDArray[Any]


@dataclass
class Moments:
    """Mean, width and range of values that are added piece by piece, as if they had come at once.

    Pieces are merged by their means and squared deviations (Chan, Golub and LeVeque 1979) in 64 bits, and
    all values are seen from the first one: no width is lost that is small beside the mean, and values that
    are all the same have none at all.

    Parameters
    ----------
    count : int
        Finite values so far.
    origin : float
        The first of them.
    offset : float
        Their mean, seen from the origin.
    squares : float
        The sum of their squared deviations from the mean.
    minimum, maximum : float
        Their range.
    nans, infinities : int
        Values that are not finite, which enter nothing else.
    """

    count: int = 0
    origin: float = 0.0
    offset: float = 0.0
    squares: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    nans: int = 0
    infinities: int = 0

    @property
    def mean(self) -> float:
        """Mean of the finite values; zero where there are none."""
        return self.origin + self.offset

    @property
    def std(self) -> float:
        """Standard deviation of the finite values, NaN where there are none."""
        return math.sqrt(self.squares / self.count) if self.count else math.nan

    @property
    def not_finite(self) -> int:
        """How many values are NaN or infinite."""
        return self.nans + self.infinities

    @property
    def total(self) -> int:
        """How many values there were, finite or not."""
        return self.count + self.not_finite

    def add(self, values: Array) -> None:
        """Take in `values` of any shape and of floating-point, integer or boolean type."""
        values = values.ravel()
        if values.dtype.kind == "f":
            values = self._finite(values)
        if not values.size:
            return
        if not self.count:
            self.origin = float(values[0])
        with np.errstate(over="ignore", invalid="ignore"):
            deviations = values.astype(np.float64)
            self.minimum = min(self.minimum, float(deviations.min()))
            self.maximum = max(self.maximum, float(deviations.max()))
            deviations -= self.origin
            offset = float(deviations.mean())
            deviations -= offset
            deviations *= deviations  # not a dot product, whose threads wait for each other on a busy machine
            self._merge(int(values.size), offset, float(deviations.sum()))

    def _finite(self, values: Array) -> Array:
        """Return the finite ones of `values` (N,), and count the others."""
        finite = np.isfinite(values)
        if finite.all():
            return values
        nans = int(np.isnan(values).sum())
        self.nans += nans
        self.infinities += int(values.size - finite.sum()) - nans
        return values[finite]

    def _merge(self, count: int, offset: float, squares: float) -> None:
        """Take in the number, mean and squared deviations of a piece, seen from the same origin."""
        total = self.count + count
        shift = offset - self.offset if self.count else 0.0
        start = self.offset if self.count else offset
        self.offset = start + shift * (count / total)
        # not shift ** 2, which raises where the square is too large for a float
        self.squares += squares + shift * shift * (self.count * (count / total))
        self.count = total


@dataclass
class ValueCounts:
    """How often each integer occurs, in values that are added piece by piece.

    Parameters
    ----------
    counts : dict of int to int
        Number of each value; empty once there are `too_many`.
    total : int
        Values so far.
    too_many : bool
        Whether more different values than `MOST_VALUES` occurred: no classes, but indices or numbers.
    """

    counts: dict[int, int] = field(default_factory=dict)
    total: int = 0
    too_many: bool = False

    def add(self, values: Array) -> None:
        """Take in `values` of any shape and of integer or boolean type."""
        self.total += values.size
        if self.too_many or not values.size:
            return
        for value, number in zip(*_distinct(values.ravel()), strict=True):
            self.counts[value] = self.counts.get(value, 0) + number
        if len(self.counts) > MOST_VALUES:
            self.counts, self.too_many = {}, True


def _distinct(values: Array) -> tuple[list[int], list[int]]:
    """Return the different values of `values` (N,) and the number of each."""
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    low, high = int(values.min()), int(values.max())
    if high - low < WIDEST_TABLE and high <= np.iinfo(np.int64).max:
        table = np.bincount(values.astype(np.int64) - low)
        found = np.flatnonzero(table)
        return (found + low).tolist(), table[found].tolist()
    distinct, numbers = np.unique(values, return_counts=True)
    return distinct.tolist(), numbers.tolist()

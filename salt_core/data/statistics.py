"""Statistics of values that come in pieces: moments, what is not finite, and how often each integer occurs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_VALUES = 1000
"""Different values that a column of integers may have and still be counted."""

WIDEST_TABLE = 1 << 16
"""Range of integers up to which they are counted by position, which needs no sorting."""

Array = NDArray[Any]


@dataclass
class Moments:
    """Mean, width and range of values that are added piece by piece, as if they had come at once.

    Pieces are merged by their means and squared deviations (Chan, Golub and LeVeque 1979) in 64 bits,
    so that no sum of squares of raw values loses a width that is small beside the mean.

    Parameters
    ----------
    count : int
        Finite values so far.
    mean : float
        Their mean.
    squares : float
        The sum of their squared deviations from the mean.
    minimum, maximum : float
        Their range.
    nans, infinities : int
        Values that are not finite, which enter nothing else.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    nans: int = 0
    infinities: int = 0

    @property
    def std(self) -> float:
        """Standard deviation of the finite values, exactly zero where they are all the same."""
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
        self.merge(moments_of(values))

    def merge(self, other: Moments) -> None:
        """Take in what `other` has seen."""
        self.nans += other.nans
        self.infinities += other.infinities
        if not other.count:
            return
        count = self.count + other.count
        shift = other.mean - self.mean if self.count else 0.0
        start = self.mean if self.count else other.mean
        self.mean = start + shift * (other.count / count)
        # not shift ** 2, which raises where a float is too large to be squared
        self.squares += other.squares + shift * shift * (self.count * (other.count / count))
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self.count = count


def moments_of(values: Array) -> Moments:
    """Return the moments of `values`, of any shape, read twice in 64 bits."""
    found = Moments()
    values = values.ravel()
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            found.nans = int(np.isnan(values).sum())
            found.infinities = int(values.size - finite.sum()) - found.nans
            values = values[finite]
    if not values.size:
        return found
    # Seen from the first value, values that are all the same deviate by exactly nothing.
    first = float(values[0])
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = values.astype(np.float64)
        found.minimum, found.maximum = float(deviations.min()), float(deviations.max())
        deviations -= first
        shift = float(deviations.mean())
        deviations -= shift
        found.squares = float(np.dot(deviations, deviations))
    found.count, found.mean = int(values.size), first + shift
    return found


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

"""Moments and counts of values in pieces: the same as NumPy's of all of them at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from salt_core.data.statistics import MOST_VALUES, WIDEST_TABLE, Moments, ValueCounts

TYPES = ["f2", "f4", "f8", "i1", "u1", "i8", "?"]


def pieces_of(dtype):
    """Pieces of values of one type, some of them empty, some values not finite."""
    limits = {"f2": {"width": 16}, "f4": {"width": 32}, "f8": {"min_value": -1e100, "max_value": 1e100}}
    elements = hnp.from_dtype(np.dtype(dtype))
    if dtype == "f8":
        elements = st.floats(**limits["f8"]) | st.sampled_from([np.nan, np.inf, -np.inf])
    elif dtype in limits:
        elements = st.floats(**limits[dtype])
    shapes = hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=8)
    return st.lists(hnp.arrays(dtype, shapes, elements=elements), min_size=1, max_size=6)


def added(pieces):
    moments = Moments()
    for piece in pieces:
        moments.add(piece)
    return moments


@given(st.sampled_from(TYPES).flatmap(pieces_of))
def test_moments_are_those_of_all_values_at_once(pieces):
    everything = np.concatenate([piece.ravel() for piece in pieces])
    values = everything.astype(np.float64)
    finite = values[np.isfinite(values)]
    moments = added(pieces)
    assert moments.count == finite.size
    assert moments.nans == np.isnan(values).sum()
    assert moments.infinities == np.isinf(values).sum()
    assert moments.total == everything.size
    if not finite.size:
        assert math.isnan(moments.std)
        return
    scale = float(np.abs(finite).max())
    assert moments.mean == pytest.approx(finite.mean(), rel=1e-12, abs=1e-13 * scale)
    assert moments.std == pytest.approx(finite.std(), rel=1e-12, abs=1e-13 * scale)
    assert (moments.minimum, moments.maximum) == (finite.min(), finite.max())


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_a_width_that_is_small_beside_the_mean_is_kept(dtype):
    offset, width = {"f4": (1e6, 1.0), "f8": (1e9, 1e-3), "i8": (10**15, 10.0)}[dtype]
    deviations = np.random.default_rng(1).normal(0.0, width, 10_000)
    values = (offset + deviations).astype(dtype)
    exact = (values - values[0]).astype(np.float64).std()
    moments = added(np.array_split(values, 37))
    assert moments.std == pytest.approx(exact, rel=1e-9)


@given(st.floats(-1e300, 1e300), st.lists(st.integers(1, 50), min_size=1, max_size=5))
@example(0.1, [7, 50, 3])
def test_values_all_the_same_have_no_width_at_all(value, sizes):
    moments = added([np.full(size, value) for size in sizes])
    assert moments.std == 0.0
    assert moments.mean == value


def test_values_too_large_for_their_square_are_told_by_the_width():
    moments = added([np.array([-1e300, 1e300]), np.array([1e300])])
    assert not math.isfinite(moments.std)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_the_pieces_does_not_matter(sizes, random):
    rng = np.random.default_rng(len(sizes))
    pieces = [rng.normal(size=size) for size in sizes]
    one = added(pieces)
    random.shuffle(pieces)
    other = added(pieces)
    assert (one.count, one.minimum, one.maximum) == (other.count, other.minimum, other.maximum)
    assert one.mean == pytest.approx(other.mean, abs=1e-13)
    assert one.squares == pytest.approx(other.squares, rel=1e-12)


def test_a_field_of_structured_rows_needs_no_copy_by_the_caller():
    rows = np.zeros(5, dtype=[("x", "f2"), ("flag", "?")])
    rows["x"], rows["flag"] = [1, 2, 3, 4, np.nan], [True, False, True, True, True]
    moments, counts = Moments(), ValueCounts()
    moments.add(rows["x"])
    counts.add(rows["flag"])
    assert (moments.mean, moments.nans) == (2.5, 1)
    assert counts.counts == {0: 1, 1: 4}
    assert np.isnan(rows["x"][4])


@given(st.sampled_from(["i1", "u1", "i4", "i8", "u8", "?"]).flatmap(pieces_of))
def test_counts_are_those_of_all_values_at_once(pieces):
    everything = np.concatenate([piece.ravel() for piece in pieces])
    counts = ValueCounts()
    for piece in pieces:
        counts.add(piece)
    values, numbers = np.unique(everything, return_counts=True)
    assert counts.counts == dict(zip([int(value) for value in values], numbers.tolist(), strict=True))
    assert counts.total == everything.size


@pytest.mark.parametrize(
    "values",
    [
        np.array([-(2**63), 2**63 - 1, 0, 0]),
        np.array([2**64 - 1, 2**64 - 2, 2**64 - 1], dtype="u8"),
        np.array([0, WIDEST_TABLE - 1]),
        np.array([0, WIDEST_TABLE]),
        np.array([-2, -1, -2], dtype="i1"),
    ],
)
def test_counts_at_the_ends_of_the_integers(values):
    counts = ValueCounts()
    counts.add(values)
    assert counts.counts == {int(value): int((values == value).sum()) for value in values}


def test_numbers_that_never_repeat_are_not_kept():
    counts = ValueCounts()
    counts.add(np.arange(MOST_VALUES))
    assert not counts.too_many
    counts.add(np.arange(MOST_VALUES))
    assert not counts.too_many
    counts.add(np.array([MOST_VALUES]))
    assert counts.too_many
    assert counts.counts == {}
    counts.add(np.array([3]))
    assert (counts.counts, counts.total) == ({}, 2 * MOST_VALUES + 2)

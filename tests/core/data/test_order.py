"""Cutting a sample into batches for several ranks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from salt_core.data.order import equal_pieces, evaluation_pieces, training_pieces


def sizes(pieces):
    return [stop - start for start, stop in pieces]


def are_all(pieces, num_jets: int) -> bool:
    """Tell whether pieces are all jets in their order, none of them empty."""
    edges = [0, *(stop for _, stop in pieces)]
    return [start for start, _ in pieces] == edges[:-1] and edges[-1] == num_jets and min(sizes(pieces)) > 0


@given(st.integers(1, 500), st.integers(1, 50))
def test_equal_pieces(num_jets, pieces):
    pieces = min(pieces, num_jets)
    found = equal_pieces(num_jets, pieces)
    assert len(found) == pieces
    assert are_all(found, num_jets)
    assert max(sizes(found)) - min(sizes(found)) <= 1


@given(st.integers(1, 500), st.integers(1, 60), st.integers(1, 8))
def test_training_pieces_are_equal_and_equally_many_for_all_ranks(num_jets, batch_size, ranks):
    num_jets = max(num_jets, ranks)
    found = training_pieces(num_jets, batch_size, ranks)
    assert are_all(found, num_jets)
    assert len(found) % ranks == 0
    assert max(sizes(found)) - min(sizes(found)) <= 1
    fewest = -(-num_jets // (batch_size * ranks))
    if fewest * ranks <= num_jets:
        assert max(sizes(found)) <= batch_size
        assert len(found) == fewest * ranks
    else:  # otherwise some rank would have nothing in a step
        assert len(found) == num_jets // ranks * ranks


@given(st.integers(1, 500), st.integers(1, 60))
def test_one_rank_evaluates_whole_batches(num_jets, batch_size):
    found = evaluation_pieces(num_jets, batch_size, 1)
    assert are_all(found, num_jets)
    assert set(sizes(found[:-1])) <= {batch_size}
    assert sizes(found)[-1] <= batch_size


@given(st.integers(8, 500), st.integers(1, 60), st.integers(2, 8))
def test_several_ranks_evaluate_equally_many_batches(num_jets, batch_size, ranks):
    found = evaluation_pieces(num_jets, batch_size, ranks)
    assert are_all(found, num_jets)
    assert len(found) % ranks == 0

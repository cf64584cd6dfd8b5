"""The packed batch and how its rows divide into jets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from salt_core import JetBatch, Layout, Packed
from salt_core.data.batch import pad, rows_of

LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=12)


def layout_of(lengths) -> Layout:
    return Layout.of(np.array(lengths))


def small_batch() -> JetBatch:
    layout = layout_of([0, 2, 2, 3])
    return JetBatch(
        global_object="jets",
        x=torch.arange(8.0).view(4, 2),
        streams={"tracks": Packed(torch.arange(7.0).view(7, 1), layout)},
        columns={"jets": {"label": torch.arange(4)}, "tracks": {"origin": torch.arange(7)}},
        rows=torch.tensor([13, 10, 12, 11]),
    )


def batch_of_lengths(lengths) -> JetBatch:
    layout, jets = layout_of(lengths), torch.arange(len(lengths))
    tracks = torch.arange(layout.total)
    return JetBatch(
        global_object="jets",
        x=jets.float()[:, None],
        streams={"tracks": Packed(tracks.float()[:, None], layout)},
        columns={"jets": {"label": jets}, "tracks": {"origin": tracks}},
        rows=jets + 10,
    )


@given(LENGTHS)
def test_starts_jets_and_slots_tell_where_every_row_is(lengths):
    layout = layout_of(lengths)
    expected = [(jet, slot) for jet, length in enumerate(lengths) for slot in range(length)]
    assert layout.total == len(expected)
    assert list(zip(layout.jet_index.tolist(), layout.slot.tolist(), strict=True)) == expected
    assert layout.starts.tolist() == [sum(lengths[:jet]) for jet in range(len(lengths))]


@given(LENGTHS)
def test_runs_cover_every_row_once_with_jets_of_one_length(lengths):
    layout = layout_of(lengths)
    runs = layout.runs
    order = torch.arange(layout.total) if runs.order is None else runs.order
    assert sorted(order.tolist()) == list(range(layout.total))
    assert [length for _, length in runs.shapes] == sorted({length for length in lengths if length})
    for (jets, length), rows in zip(runs.shapes, order.split(runs.sizes), strict=True):
        block = layout.jet_index[rows].view(jets, length)
        assert (block == block[:, :1]).all()
        assert (layout.slot[rows].view(jets, length) == torch.arange(length)).all()


def test_sorted_lengths_need_no_gather():
    assert layout_of([0, 1, 1, 4]).runs.order is None
    assert layout_of([1, 0, 4, 1]).runs.order is not None


@given(LENGTHS, st.randoms())
def test_rows_of_jets(lengths, random):
    jets = list(range(len(lengths)))
    random.shuffle(jets)
    starts = np.cumsum(lengths) - lengths
    expected = [starts[jet] + i for jet in jets for i in range(lengths[jet])]
    assert rows_of(np.array(jets), np.array(lengths)).tolist() == expected


@given(LENGTHS)
def test_padding_and_back(lengths):
    layout = layout_of(lengths)
    x = torch.randn(layout.total, 3)
    padded, valid = pad(x, layout)
    assert padded.shape == (len(lengths), max(lengths), 3)
    assert valid.sum(1).tolist() == lengths
    assert torch.equal(padded[valid], x)
    assert (padded[~valid] == 0).all()


def test_spread_repeats_a_row_for_each_of_the_jets_rows():
    assert layout_of([2, 0, 1]).spread(torch.tensor([[1.0], [2.0], [3.0]])).flatten().tolist() == [1, 1, 3]


def test_a_batch_is_frozen():
    with pytest.raises(AttributeError):
        small_batch().x = torch.zeros(1)


def test_moving_a_batch_moves_every_tensor_and_leaves_the_original():
    batch = small_batch()
    moved = batch.to("meta")
    tensors = [moved.x, moved.rows, moved.streams["tracks"].x, moved.streams["tracks"].layout.lengths]
    tensors += [moved.raw("jets")["label"], moved.raw("tracks")["origin"]]
    assert all(tensor.is_meta for tensor in tensors)
    assert not batch.x.is_meta
    assert moved.streams["tracks"].layout.total == 7


def test_what_a_plugin_reads():
    batch = small_batch()
    assert batch.num_jets == 4
    assert batch.runs("tracks").shapes == ((2, 2), (1, 3))
    assert batch.raw("tracks")["origin"].tolist() == list(range(7))
    assert batch.raw("muons") == {}
    x, valid = batch.padded("tracks", length=5)
    assert x.shape == (4, 5, 1)
    assert valid.sum() == 7


@given(LENGTHS, st.integers(1, 9))
def test_pieces_are_the_batch(lengths, number):
    batch = batch_of_lengths(lengths)
    pieces = batch.in_pieces(number)
    assert len(pieces) <= number
    assert batch.num_rows == sum(lengths) + len(lengths)
    assert sum(piece.num_jets for piece in pieces) == len(lengths)
    assert all(piece.num_jets for piece in pieces)
    for piece in pieces:
        layout = piece.streams["tracks"].layout
        assert layout.host_lengths.tolist() == layout.lengths.tolist()
        assert piece.streams["tracks"].x.shape == (layout.total, 1)
        assert piece.num_jets == 1 or piece.num_rows <= batch.num_rows / number + max(lengths) + 1

    def joined(of):
        return torch.cat([of(piece) for piece in pieces]).tolist()

    for of in (
        lambda one: one.x,
        lambda one: one.rows,
        lambda one: one.streams["tracks"].x,
        lambda one: one.streams["tracks"].layout.lengths,
        lambda one: one.columns["jets"]["label"],
        lambda one: one.columns["tracks"]["origin"],
    ):
        assert joined(of) == of(batch).tolist()


def test_a_batch_of_no_jet_is_one_piece():
    assert [piece.num_jets for piece in batch_of_lengths([]).in_pieces(10)] == [0]

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import Layout
from salt_core.nn.pairs import PairBias, Pairs, joined

LENGTHS = ([0, 0, 1, 3, 3, 4], [3, 0, 4, 1, 3], [2, 2], [1], [0], [])


def layout_of(lengths) -> Layout:
    return Layout.of(np.array(lengths, dtype=int))


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_every_unordered_pair_of_a_jet_once_and_no_other(lengths):
    pairs = Pairs.of(layout_of(lengths))
    found = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    starts = np.cumsum([0, *lengths])
    expected = {
        (start + i, start + j)
        for start, length in zip(starts, lengths, strict=False)
        for i in range(length)
        for j in range(i + 1)
    }
    assert len(found) == len(expected)
    assert set(found) == expected


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_squares_hold_the_values_of_both_orders(lengths):
    layout = layout_of(lengths)
    pairs = Pairs.of(layout)
    # A value that tells its pair, and one more per head.
    code = torch.stack([pairs.first * 100 + pairs.second + head * 10_000 for head in (0, 1)], dim=1)
    made = PairBias.of(code, pairs, layout).squares
    rows = torch.arange(layout.total)
    rows = rows if layout.runs.order is None else rows[layout.runs.order]
    assert len(made) == max(len(layout.runs.shapes), 1)
    for square, (jets, length), part in zip(
        made, layout.runs.shapes, rows.split(layout.runs.sizes), strict=False
    ):
        own = part.unflatten(0, (jets, length))
        high = torch.maximum(own[:, :, None], own[:, None, :])
        low = torch.minimum(own[:, :, None], own[:, None, :])
        expected = high * 100 + low
        assert torch.equal(square, torch.stack([expected, expected + 10_000], dim=1))


def test_tokens_without_pairs_have_zero_and_several_lists_share_a_square():
    # One jet of a register, two tracks and a flow object: tokens 0 to 3.
    layout = layout_of([4])
    tracks = Pairs.of(layout_of([2])).renumbered(torch.tensor([1, 2]))
    flows = Pairs.of(layout_of([1])).renumbered(torch.tensor([3]))
    values = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    (square,) = PairBias.of(values, joined([tracks, flows]), layout).squares
    assert square[0, 0].tolist() == [[0, 0, 0, 0], [0, 1, 2, 0], [0, 2, 3, 0], [0, 0, 0, 4]]


def test_gradients_count_each_entry_of_the_square():
    layout = layout_of([1, 2])
    values = torch.zeros(4, 1, requires_grad=True)
    sum(square.sum() for square in PairBias.of(values, Pairs.of(layout), layout).squares).backward()
    assert values.grad[:, 0].tolist() == [1, 1, 2, 1], "a pair of two stands in two entries"


def test_without_a_token_the_values_are_still_part_of_the_result():
    values = torch.zeros(0, 2, requires_grad=True)
    (square,) = PairBias.of(values, Pairs.of(layout_of([0])), layout_of([0])).squares
    assert square.shape == (0, 2, 0, 0)
    assert square.requires_grad

"""Orders of jets: that none is lost or comes twice, how they are shuffled, and how ranks share them."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_plugins.dataloaders.packed.order import EpochOrder, share_of, step_starts

SEEDS = st.integers(0, 2**31)
EPOCHS = st.integers(0, 50)


def whole(order: EpochOrder, epoch: int) -> np.ndarray:
    return order.jets(epoch, 0, order.num_jets)


@st.composite
def blocks(draw) -> EpochOrder:
    """An order in blocks, of which the last may be short."""
    num_jets, block, window = draw(st.integers(1, 60)), draw(st.integers(1, 25)), draw(st.integers(1, 6))
    return EpochOrder(num_jets, "blocks", draw(SEEDS), block, window)


@given(num_jets=st.integers(1, 300), seed=SEEDS, epoch=EPOCHS)
def test_a_full_shuffle_is_a_permutation(num_jets, seed, epoch):
    found = whole(EpochOrder(num_jets, "full", seed), epoch)
    assert found.dtype == np.int64
    assert sorted(found.tolist()) == list(range(num_jets))


@pytest.mark.parametrize("shuffle", ["full", "blocks"])
def test_seed_and_epoch_and_nothing_else_make_the_order(shuffle):
    def made(seed: int) -> EpochOrder:
        return EpochOrder(200, shuffle, seed, block=5, window=3)

    first = made(1)
    epochs = [whole(first, epoch) for epoch in range(4)]
    for epoch in (3, 0, 2, 1):
        assert np.array_equal(whole(made(1), epoch), epochs[epoch])
        assert np.array_equal(whole(first, epoch), epochs[epoch])
    different = [*epochs, whole(made(2), 0), np.arange(200)]
    assert len({tuple(order.tolist()) for order in different}) == 6


def test_a_full_shuffle_carries_jets_anywhere():
    """Every jet comes about equally often to every quarter of an epoch."""
    order = EpochOrder(40, "full", 0)
    quarters = np.zeros((40, 4))
    for epoch in range(400):
        quarters[whole(order, epoch), np.arange(40) // 10] += 1
    assert quarters.min() > 60
    assert quarters.max() < 140


@given(order=blocks(), epoch=EPOCHS)
def test_blocks_hold_each_jet_once(order, epoch):
    assert sorted(whole(order, epoch).tolist()) == list(range(order.num_jets))


@given(order=blocks(), epoch=EPOCHS)
def test_a_window_holds_exactly_its_blocks(order, epoch):
    ends = [*(order.window_start(epoch, w) for w in range(order.num_windows)), order.num_jets]
    seen = []
    for window in range(order.num_windows):
        found = order.blocks_of(epoch, window)
        inside = order.jets(epoch, ends[window], ends[window + 1])
        assert sorted(inside.tolist()) == [jet for block in found for jet in range(*block)]
        assert len(found) <= order.window
        assert {order.window_at(epoch, place) for place in range(ends[window], ends[window + 1])} == {window}
        seen += found
    assert all(start % order.block == 0 for start, _ in seen)
    assert sorted(seen)[-1][1] == order.num_jets
    assert len(seen) == -(-order.num_jets // order.block)


@given(order=blocks(), shuffle=st.sampled_from(["full", "blocks", "none"]), epoch=EPOCHS, data=st.data())
def test_any_cuts_give_the_same_jets(order, shuffle, epoch, data):
    order = EpochOrder(order.num_jets, shuffle, order.seed, order.block, order.window)
    cuts = sorted(data.draw(st.sets(st.integers(1, order.num_jets), max_size=8)) | {0, order.num_jets})
    parts = [order.jets(epoch, *pair) for pair in pairwise(cuts)]
    assert np.array_equal(np.concatenate(parts), whole(order, epoch))


def test_jets_of_a_window_are_shuffled_among_themselves():
    order = EpochOrder(400, "blocks", 0, block=10, window=10)
    first = order.jets(0, 0, 100)
    assert (np.abs(np.diff(first)) == 1).sum() < 20
    assert len({jet // 10 for jet in first[:20].tolist()}) > 5
    assert {jet // 10 for jet in first.tolist()} != {jet // 10 for jet in order.jets(1, 0, 100).tolist()}


@pytest.mark.parametrize("epoch", range(6))
def test_the_short_block_may_lie_in_any_window(epoch):
    order = EpochOrder(23, "blocks", 0, block=5, window=2)
    sizes = [sum(stop - start for start, stop in order.blocks_of(epoch, window)) for window in range(3)]
    assert sorted(sizes) in ([3, 10, 10], [5, 8, 10])
    assert sum(sizes) == 23
    assert [order.window_start(epoch, window) for window in range(3)] == [0, sizes[0], sizes[0] + sizes[1]]


def test_no_shuffle_is_the_order_of_the_store():
    order = EpochOrder(20, "none", 3)
    assert order.jets(1, 4, 9).tolist() == [4, 5, 6, 7, 8]
    assert order.num_windows == 1


@given(num_jets=st.integers(1, 500), batch_size=st.integers(1, 60), ranks=st.integers(1, 8))
def test_steps_are_equal_cover_all_jets_and_are_no_larger_than_asked(num_jets, batch_size, ranks):
    num_jets = max(num_jets, ranks)
    starts = step_starts(num_jets, batch_size, ranks)
    sizes = np.diff(starts)
    assert (starts[0], starts[-1]) == (0, num_jets)
    assert sizes.min() >= ranks
    # No rank has more than another one, but for what the ranks do not divide, in the first step.
    assert (sizes[1:] % ranks == 0).all()
    assert sizes[0] % ranks == num_jets % ranks
    assert np.ptp(sizes // ranks) <= 1
    most = -(-sizes.max() // ranks)
    fewest_steps = ceil(ceil(num_jets / ranks) / batch_size)
    if fewest_steps <= num_jets // ranks:  # otherwise some rank would have an empty step
        assert most <= batch_size
        assert len(sizes) == fewest_steps
    else:
        assert most <= batch_size + 1


@given(
    lengths=st.lists(st.integers(0, 100), min_size=1, max_size=80),
    ranks=st.integers(1, 8),
    seed=SEEDS,
)
def test_ranks_share_a_step_without_loss_in_equal_numbers(lengths, ranks, seed):
    jets = np.random.default_rng(seed).permutation(1000)[: len(lengths)]
    shares = [share_of(rank, ranks, jets, np.array(lengths)) for rank in range(ranks)]
    assert sorted(np.concatenate(shares).tolist()) == sorted(jets.tolist())
    assert np.ptp([len(share) for share in shares]) <= (1 if len(lengths) % ranks else 0)


@given(
    lengths=st.lists(st.integers(0, 100), min_size=1, max_size=80),
    ranks=st.integers(2, 8),
)
def test_ranks_carry_equal_work(lengths, ranks):
    """Dealt out in order of length there and back, no rank has more than the longest jet beyond another."""
    lengths = np.array((lengths * ranks)[: len(lengths) // ranks * ranks or ranks])
    shares = [share_of(rank, ranks, np.arange(len(lengths)), lengths) for rank in range(ranks)]
    work = [int(lengths[share].sum()) for share in shares]
    assert np.ptp(work) <= np.ptp(lengths)


def test_ranks_of_a_large_step_carry_nearly_the_same():
    lengths = np.random.default_rng(0).poisson(8, 4000)
    work = [lengths[share_of(rank, 4, np.arange(4000), lengths)].sum() for rank in range(4)]
    assert np.ptp(work) < 0.001 * np.mean(work)

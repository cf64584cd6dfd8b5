"""A layout of one jet says of it what the layout of a batch with this jet alone says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import ConfigError, Layout
from salt_core.data.batch import pad
from salt_core.data.one_jet import OneJet, side_by_side


def layouts(total: int) -> tuple[OneJet, Layout]:
    return OneJet(total, torch.zeros(0)), Layout.of(np.array([total]))


@pytest.mark.parametrize("total", [0, 1, 4])
def test_it_is_the_layout_of_a_batch_of_one(total):
    one, batch = layouts(total)
    assert (one.total, one.num_jets) == (batch.total, batch.num_jets) == (total, 1)
    for name in ("lengths", "starts", "jet_index", "slot"):
        assert torch.equal(getattr(one, name), getattr(batch, name)), name
    per_jet = torch.tensor([[1.5, 2.5]])
    assert torch.equal(one.spread(per_jet), batch.spread(per_jet))
    x = torch.rand(total, 2)
    for got, expected in zip(pad(x, one), pad(x, batch), strict=True):
        assert torch.equal(got, expected)


def test_its_one_run_holds_all_rows():
    one, batch = layouts(3)
    assert one.runs == batch.runs
    assert layouts(0)[0].runs.shapes == ((1, 0),)


def test_streams_side_by_side():
    streams = [OneJet(2, torch.zeros(0)), OneJet(1, torch.zeros(0))]
    merged = side_by_side(streams)
    assert (merged.single, merged.total) == (True, 3)
    batch = side_by_side([Layout.of(np.array([1, 2])), Layout.of(np.array([0, 3]))])
    assert (batch.single, batch.host_lengths.tolist(), batch.lengths.tolist()) == (False, [1, 5], [1, 5])


def test_lengths_on_the_host_are_refused():
    with pytest.raises(ConfigError, match=r"host_lengths.*layout\.total"):
        _ = layouts(2)[0].host_lengths

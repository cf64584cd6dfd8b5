from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import Layout
from salt_core.nn.tokens import TokenMap


def layouts(**lengths):
    return {name: Layout.of(np.array(each)) for name, each in lengths.items()}


@pytest.mark.parametrize("in_bucket", [False, True])
def test_streams_stand_side_by_side_within_each_jet_and_come_apart_again(in_bucket):
    token_map = TokenMap(layouts(registers=[1, 1, 1], tracks=[2, 0, 1], hits=[0, 2, 1]), in_bucket)
    rows = {
        "registers": torch.tensor([[10.0], [20.0], [30.0]]),
        "tracks": torch.tensor([[11.0], [12.0], [31.0]]),
        "hits": torch.tensor([[21.0], [22.0], [32.0]]),
    }
    merged = token_map.merge(rows)
    assert merged[: token_map.merged.total].flatten().tolist() == [10, 11, 12, 20, 21, 22, 30, 31, 32]
    assert token_map.merged.host_lengths.tolist() == [3, 3, 3]
    assert len(merged) == (16 if in_bucket else 9)
    assert not merged[9:].any()
    parted = token_map.part(merged)
    for name, x in rows.items():
        assert torch.equal(parted[name].x, x)
        assert parted[name].layout is token_map.layouts[name]


@pytest.mark.parametrize(("in_bucket", "filled"), [(False, 3), (True, 8)])
def test_the_rows_of_a_single_stream_stay_in_their_order(in_bucket, filled):
    token_map = TokenMap(layouts(tracks=[2, 0, 1]), in_bucket)
    x = torch.arange(3.0).unsqueeze(1)
    merged = token_map.merge({"tracks": x})
    assert len(merged) == filled
    assert torch.equal(token_map.part(merged)["tracks"].x, x)


def test_no_row_at_all():
    token_map = TokenMap(layouts(tracks=[0, 0], hits=[0, 0]))
    merged = token_map.merge({name: torch.zeros(0, 4) for name in ("tracks", "hits")})
    assert merged.shape == (0, 4)

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import Layout, Packed
from salt_core.nn.pooling import AttentionPooling

LENGTHS = ([2, 0, 3, 1], [0, 0, 1, 4])


@pytest.fixture
def streams():
    torch.manual_seed(0)
    return [
        Packed(torch.randn(sum(n), 5, dtype=torch.float64, requires_grad=True), Layout.of(np.array(n)))
        for n in LENGTHS
    ]


def naive(pooling, streams):
    pooled = []
    for jet in range(4):
        x = torch.cat([p.x[p.layout.jet_index == jet] for p in streams])
        pooled.append((pooling.gate(x).softmax(0) * x).sum(0))
    return torch.stack(pooled)


def test_it_is_a_softmax_over_all_rows_of_a_jet(streams):
    pooling = AttentionPooling(5).double()
    ours, theirs = pooling(streams), naive(pooling, streams)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)  # its softmax is in float32
    leaves = [p.x for p in streams] + [pooling.gate.weight]
    seed = torch.randn_like(ours)
    for a, b in zip(
        torch.autograd.grad((ours * seed).sum(), leaves),
        torch.autograd.grad((theirs * seed).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_a_jet_without_rows_gives_zeros(streams):
    assert torch.equal(AttentionPooling(5).double()(streams)[1], torch.zeros(5, dtype=torch.float64))


def test_shares_of_equal_rows_add_up_in_mixed_precision():
    layout = Layout.of(np.array([40, 3]))
    torch.manual_seed(0)
    pooling, x = AttentionPooling(5), torch.ones(43, 5)
    with torch.autocast("cpu", torch.bfloat16):
        pooled = pooling([Packed(x, layout)])
    torch.testing.assert_close(pooled, torch.ones(2, 5))


def test_huge_scores_do_not_overflow(streams):
    pooling = AttentionPooling(5).double()
    with torch.no_grad():
        pooling.gate.weight *= 1e5
    assert torch.isfinite(pooling(streams)).all()

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import Layout, Packed
from salt_core.nn.pooling import AttentionPooling, pooling_of

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


REDUCED = {"sum": lambda x: x.sum(0), "mean": lambda x: x.mean(0), "max": lambda x: x.amax(0)}


@pytest.mark.parametrize("name", REDUCED)
def test_values_and_gradients_are_those_of_each_jet_alone(name, streams):
    ours = pooling_of(name, 5)(streams)
    for jet in (0, 2, 3):
        alone = REDUCED[name](torch.cat([p.x[p.layout.jet_index == jet] for p in streams]))
        torch.testing.assert_close(ours[jet], alone)
        seed = torch.arange(1.0, 6.0, dtype=torch.float64)
        leaves = [p.x for p in streams]
        for a, b in zip(
            torch.autograd.grad(ours[jet], leaves, seed, retain_graph=True),
            torch.autograd.grad(alone, leaves, seed),
            strict=True,
        ):
            torch.testing.assert_close(a, b)
    assert torch.equal(ours[1], torch.zeros(5, dtype=torch.float64)), "the jet without rows"
    assert torch.autograd.gradcheck(
        lambda *rows: pooling_of(name, 5)([Packed(x, p.layout) for x, p in zip(rows, streams, strict=True)]),
        tuple(p.x for p in streams),
    )


@pytest.mark.parametrize("name", ["attention", *REDUCED])
def test_a_batch_without_any_row(name):
    empty = Packed(torch.zeros(0, 5), Layout.of(np.zeros(3, dtype=np.int64)))
    assert torch.equal(pooling_of(name, 5)([empty, empty]), torch.zeros(3, 5))


def test_the_gradient_of_a_largest_zero_is_whole():
    x = torch.tensor([[0.0], [-1.0]], requires_grad=True)
    pooling_of("max", 1)([Packed(x, Layout.of(np.array([2])))]).sum().backward()
    assert x.grad.tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_sums_of_16_bit_rows_keep_small_summands(name):
    rows = torch.full((600, 1), 0.5, dtype=torch.bfloat16)
    rows[0] = 256
    pooled = pooling_of(name, 1)([Packed(rows, Layout.of(np.array([600])))])
    assert pooled.item() == pytest.approx(555.5 if name == "sum" else 555.5 / 600, rel=1e-6)

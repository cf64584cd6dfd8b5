from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import rms_norm

from salt_core import Layout
from salt_core.nn.differential import DifferentialAttention
from salt_core.nn.pairs import PairBias

LENGTHS = [0, 1, 3, 2, 3]


def make(**options) -> DifferentialAttention:
    torch.manual_seed(1)
    return DifferentialAttention(16, 2, 1, **options).double()


def naive(
    attention: DifferentialAttention, x: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Attend within one jet (l, 16), head by head, with whole values."""
    q, k, v = attention.in_proj(x).chunk(3, dim=1)
    q1, k1, q2, k2 = attention.lambdas
    share = (q1 @ k1).exp() - (q2 @ k2).exp() + 0.8 - 0.6 * math.exp(-0.3)
    heads = []
    for head in range(2):
        maps = []
        for number in range(2):
            columns = slice(8 * head + 4 * number, 8 * head + 4 * number + 4)
            queries, keys = attention.q_norm(q[:, columns]), attention.k_norm(k[:, columns])
            scores = queries @ keys.T / 2
            maps.append((scores if bias is None else scores + bias[head]).softmax(1))
        mixed = (maps[0] - share * maps[1]) @ attention.v_norm(v[:, 8 * head : 8 * head + 8])
        start = 0.8 - 0.6 * math.exp(-0.3)
        heads.append((1 - start) * rms_norm(mixed, (8,), attention.head_norm.weight, 1e-5))
    return attention.out_proj(torch.cat(heads, dim=1))


@pytest.mark.parametrize("backend", ["runs", "padded"])
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_it_is_the_difference_of_two_maps(backend, normed, biased):
    attention = make(backend=backend, qk_norm=normed, v_norm=normed)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    layout = Layout.of(np.array(sorted(LENGTHS)))
    x = torch.randn(9, 16, dtype=torch.float64, requires_grad=True)
    squares = tuple(torch.randn(c, 2, n, n, dtype=torch.float64) for c, n in layout.runs.shapes)
    ours = attention(x, layout, PairBias(squares) if biased else None)
    per_jet = [square for run in squares for square in run] if biased else [None] * 4
    theirs = torch.cat(
        [naive(attention, jet, b) for jet, b in zip(x.split([1, 2, 3, 3]), per_jet, strict=True)]
    )
    torch.testing.assert_close(ours, theirs)
    seed, leaves = torch.randn_like(ours), [x, *attention.parameters()]
    for a, b in zip(
        torch.autograd.grad(ours, leaves, seed), torch.autograd.grad(theirs, leaves, seed), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_deeper_layers_take_away_more():
    shares = [DifferentialAttention(64, 2, depth).lambda_start for depth in range(4)]
    assert shares[0] == pytest.approx(0.2)
    assert shares == sorted(shares)
    assert all(share < 0.8 for share in shares)
    torch.manual_seed(0)
    assert DifferentialAttention(64, 2, 3).share().item() == pytest.approx(shares[3], abs=0.3)


def test_maps_in_16_bits_are_subtracted_in_32():
    attention = make(backend="runs").float()
    x, layout = torch.randn(9, 16), Layout.of(np.array(LENGTHS))
    with torch.autocast("cpu", torch.bfloat16):
        half = attention(x, layout)
    assert half.dtype == torch.bfloat16
    # Eight bits of mantissa, and what the norm of a small difference makes of their rounding.
    assert (half.float() - attention(x, layout)).abs().max() < 0.1

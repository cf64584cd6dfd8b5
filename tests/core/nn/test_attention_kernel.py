"""Compiled attention against PyTorch's operations; skipped where the package was installed without a compiler."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import Layout
from salt_core.nn import attention_kernel
from salt_core.nn.attention import attend
from salt_core.nn.attention_kernel import LONGEST, attend_compiled, is_compiled, kernel, may_attend
from salt_core.nn.pairs import PairBias, Pairs
from salt_core.nn.short_jets import attend_short

pytestmark = pytest.mark.skipif(not is_compiled(), reason="installed without a C compiler")

LENGTHS = [0, 0, 1, 1, 2, 3, 3, 4, 5, 7, 8, 8, 9, 12, 15, 16, 17, 31, 40, 64, 65, LONGEST]


def random_heads(lengths, num_heads=2, size=16, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(sum(lengths), 3, num_heads, size, generator=generator).to(dtype)


def random_bias(layout, num_heads=2):
    pairs = Pairs.of(layout)
    values = torch.randn(len(pairs.first), num_heads, generator=torch.Generator().manual_seed(2))
    return PairBias.of(values, pairs, layout)


@pytest.mark.parametrize("size", [8, 16, 24, 32, 40])
@pytest.mark.parametrize("num_heads", [1, 3, 8])
def test_it_is_what_pytorch_computes(num_heads, size):
    heads, layout = random_heads(LENGTHS, num_heads, size), Layout.of(np.array(LENGTHS))
    torch.testing.assert_close(
        attend_compiled(heads, layout), attend(heads, layout, "runs"), rtol=1e-5, atol=2e-6
    )


@pytest.mark.parametrize("factor", [0.0, 30.0, 1e4])
def test_scores_of_any_size(factor):
    heads, layout = random_heads(LENGTHS), Layout.of(np.array(LENGTHS))
    heads[:, 0] *= factor
    expected = attend(heads.double(), layout, "runs").float()
    torch.testing.assert_close(attend_compiled(heads, layout), expected, rtol=1e-3, atol=1e-4)


def test_jets_in_any_order():
    lengths = np.random.default_rng(3).permutation(LENGTHS)
    heads, layout = random_heads(lengths), Layout.of(lengths)
    torch.testing.assert_close(
        attend_compiled(heads, layout), attend(heads, layout, "runs"), rtol=1e-5, atol=2e-6
    )


def test_a_bias_of_pairs():
    heads, layout = random_heads(LENGTHS), Layout.of(np.array(LENGTHS))
    bias = random_bias(layout)
    expected = attend(heads, layout, "runs", bias=bias)
    torch.testing.assert_close(attend_compiled(heads, layout, bias.squares), expected, rtol=1e-5, atol=2e-6)
    assert not torch.allclose(expected, attend(heads, layout, "runs"))


@pytest.mark.skipif(
    not (is_compiled() and kernel.has_threads()), reason="PyTorch has no OpenMP of GCC's kind"
)
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("cores", [2, 3, 7])
def test_cores_share_the_jets(monkeypatch, cores, biased):
    lengths = sorted(LENGTHS * 5)
    heads, layout = random_heads(lengths), Layout.of(np.array(lengths))
    squares = random_bias(layout).squares if biased else ()
    seed = torch.randn(len(heads), 2, 16)
    threads = []

    def both():
        mixed = attend_compiled(heads, layout, squares)
        return [mixed, *gradients(lambda x, bias: attend_compiled(x, layout, bias), heads, squares, seed)]

    def counted(work):
        return lambda *arguments: threads.append(arguments[6]) or work(*arguments)

    for name in ("attend", "attend_backward"):
        monkeypatch.setattr(kernel, name, counted(getattr(kernel, name)))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = both()
        torch.set_num_threads(cores)
        shared = both()
    finally:
        torch.set_num_threads(before)
    assert threads == [1, 1, 1, cores, cores, cores]
    assert all(map(torch.equal, shared, alone))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bits_are_computed_in_32(dtype):
    heads, layout = random_heads(LENGTHS, dtype=dtype), Layout.of(np.array(LENGTHS))
    mixed = attend_compiled(heads, layout)
    assert mixed.dtype == dtype
    assert torch.equal(mixed, attend_compiled(heads.float(), layout).to(dtype))


@pytest.mark.parametrize("lengths", [[], [0, 0]], ids=str)
def test_no_token_at_all(lengths):
    layout = Layout.of(np.array(lengths, dtype=int))
    assert attend_compiled(random_heads([0]), layout).shape == (0, 2, 16)


@pytest.mark.parametrize("part", [0, 1, 2], ids=["query", "key", "value"])
def test_what_is_no_number_stays_in_its_jet_and_is_seen(part):
    heads, layout = random_heads([3, 9]), Layout.of(np.array([3, 9]))
    heads[4, part] = torch.nan
    mixed, expected = attend_compiled(heads, layout), attend(heads, layout, "runs")
    assert mixed[:3].isfinite().all()
    assert torch.equal(mixed.isnan().flatten(1).any(1), expected.isnan().flatten(1).any(1))


def test_it_is_used_where_it_can_be(monkeypatch):
    heads, layout = random_heads(LENGTHS), Layout.of(np.array(LENGTHS))
    monkeypatch.setattr(kernel, "has_threads", lambda: True)
    assert may_attend(heads, layout, 0.0)
    assert not may_attend(heads, layout, 0.1)
    assert not may_attend(heads.double(), layout, 0.0)
    assert not may_attend(random_heads(LENGTHS, size=12), layout, 0.0)
    assert not may_attend(random_heads([LONGEST + 1]), Layout.of(np.array([LONGEST + 1])), 0.0)
    monkeypatch.setattr(kernel, "has_threads", lambda: False)
    assert may_attend(heads, layout, 0.0) is (torch.get_num_threads() == 1)
    monkeypatch.setattr(attention_kernel, "kernel", None)
    assert not may_attend(heads, layout, 0.0)


def test_a_bias_needs_jets_by_rising_length():
    for lengths, may in (([1, 2, 5], True), ([5, 1, 2], False)):
        assert may_attend(random_heads(lengths), Layout.of(np.array(lengths)), 0.0, biased=True) is may


def gradients(attended, heads, squares, seed):
    """Return the gradients of a sum of what is attended, weighted by `seed`."""
    wanted = [heads.requires_grad_(), *(square.requires_grad_() for square in squares)]
    return torch.autograd.grad((attended(heads, squares) * seed).sum(), wanted)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("num_heads", "size"), [(1, 8), (2, 24), (8, 32), (3, 40)])
def test_its_gradients_are_those_of_pytorch(num_heads, size, biased):
    heads, layout = random_heads(LENGTHS, num_heads, size), Layout.of(np.array(LENGTHS))
    squares = random_bias(layout, num_heads).squares if biased else ()
    seed = torch.randn(len(heads), num_heads, size, generator=torch.Generator().manual_seed(4))
    ours = gradients(lambda x, bias: attend_compiled(x, layout, bias), heads, squares, seed)
    theirs = gradients(lambda x, bias: attend_short(x, layout.runs.shapes, tuple(bias)), heads, squares, seed)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_gradients_of_16_bits_have_16_bits():
    heads, layout = random_heads([3, 9], dtype=torch.bfloat16), Layout.of(np.array([3, 9]))
    (ours,) = gradients(lambda x, _: attend_compiled(x, layout), heads, (), 1.0)
    (wide,) = gradients(lambda x, _: attend_compiled(x, layout), heads.detach().float(), (), 1.0)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, wide.bfloat16())


def test_gradients_of_a_bias_keep_32_bits_beside_tokens_of_16():
    heads, layout = random_heads([3, 9], dtype=torch.bfloat16), Layout.of(np.array([3, 9]))
    squares = random_bias(layout).squares
    _, *ours = gradients(lambda x, bias: attend_compiled(x, layout, bias), heads, squares, 1.0)
    _, *wide = gradients(
        lambda x, bias: attend_compiled(x, layout, bias), heads.detach().float(), squares, 1.0
    )
    assert all(map(torch.equal, ours, wide))


def test_auto_takes_it_and_the_other_ways_do_not(monkeypatch):
    heads, layout = random_heads(LENGTHS), Layout.of(np.array(LENGTHS))
    expected = attend(heads, layout, "auto")
    assert torch.equal(expected, attend_compiled(heads, layout))
    monkeypatch.setattr(kernel, "attend", None)  # a call would fail
    for backend in ("runs", "padded"):
        torch.testing.assert_close(attend(heads, layout, backend), expected, rtol=1e-5, atol=2e-6)
    monkeypatch.setattr(attention_kernel, "kernel", None)
    torch.testing.assert_close(attend(heads, layout, "auto"), expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("rows", "results", "lengths", "size", "bias"),
    [
        (5, 6, [2, 4], 8, None),
        (6, 5, [2, 4], 8, None),
        (6, 6, [2, 5], 8, None),
        (6, 6, [-2, 8], 8, None),
        (6, 6, [2, 4], 4, None),
        (6, 6, [2, 4], 8, 19),
    ],
)
def test_arrays_that_do_not_fit_are_refused(rows, results, lengths, size, bias):
    tokens, result = np.zeros((rows, 3, 1, size), np.float32), np.zeros((results, 1, size), np.float32)
    added = None if bias is None else np.zeros(bias, np.float32)
    with pytest.raises(ValueError, match="do not fit"):
        kernel.attend(tokens, added, np.array(lengths), 1, size, 1.0, 1, result)
    with pytest.raises(ValueError, match="do not fit"):
        kernel.attend_backward(
            tokens, added, np.array(lengths), 1, size, 1.0, 1, result, tokens.copy(), added
        )

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import ConfigError, Layout
from salt_core.nn.attention import Attention, attend, bucket_shapes, choose
from salt_core.nn.pairs import PairBias, Pairs

HEADS, SIZE = 2, 4
SORTED = [0, 0, 1, 3, 3, 4, 5, 9]
UNSORTED = [3, 0, 9, 1, 3, 0, 5, 4]


def naive(q, k, v, lengths, bias=0.0):
    """Attend jet by jet, with a mask that forbids every other jet."""
    jet = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    other = jet[:, None] != jet[None, :]
    score = torch.einsum("nhd,mhd->hnm", q, k) / q.shape[-1] ** 0.5 + bias
    weight = score.masked_fill(other, -torch.inf).softmax(-1)
    return torch.einsum("hnm,mhd->nhd", weight, v)


def random_qkv(num_rows):
    generator = torch.Generator().manual_seed(1)
    shape = (3, num_rows, HEADS, SIZE)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("backend", ["auto", "runs", "padded"])
@pytest.mark.parametrize("lengths", [SORTED, UNSORTED, [2, 2, 2], [1], [300, 2]], ids=str)
def test_backends_agree_with_masked_attention(backend, lengths):
    qkv = random_qkv(sum(lengths))
    seed = torch.randn(sum(lengths), HEADS, SIZE, dtype=torch.float64)
    ours = attend(qkv.transpose(0, 1), Layout.of(np.array(lengths)), backend)
    (our_gradient,) = torch.autograd.grad((ours * seed).sum(), qkv)
    theirs = naive(*qkv, lengths)
    (their_gradient,) = torch.autograd.grad((theirs * seed).sum(), qkv)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_gradient, their_gradient)


@pytest.mark.parametrize("backend", ["auto", "runs", "padded"])
@pytest.mark.parametrize("lengths", [SORTED, UNSORTED, [2, 2, 2], [1], [300, 2]], ids=str)
def test_a_bias_of_pairs_is_added_to_the_scores_of_its_jet(backend, lengths):
    qkv, layout = random_qkv(sum(lengths)), Layout.of(np.array(lengths))
    pairs = Pairs.of(layout)
    values = torch.randn(len(pairs.first), HEADS, dtype=torch.float64, requires_grad=True)
    seed = torch.randn(sum(lengths), HEADS, SIZE, dtype=torch.float64)
    ours = attend(qkv.transpose(0, 1), layout, backend, bias=PairBias.of(values, pairs, layout))
    our_gradients = torch.autograd.grad((ours * seed).sum(), [qkv, values])
    dense = torch.zeros(sum(lengths), sum(lengths), HEADS, dtype=torch.float64)
    dense = dense.index_put((pairs.first, pairs.second), values)
    dense = dense.index_put((pairs.second, pairs.first), values)
    theirs = naive(*qkv, lengths, dense.permute(2, 0, 1))
    their_gradients = torch.autograd.grad((theirs * seed).sum(), [qkv, values])
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_gradients, their_gradients)


@pytest.mark.parametrize("backend", ["runs", "padded"])
@pytest.mark.parametrize("lengths", [[], [0, 0]], ids=str)
def test_without_a_token_every_parameter_is_reached_all_the_same(backend, lengths):
    layout = Layout.of(np.array(lengths, dtype=int))
    attention = Attention(HEADS * SIZE, HEADS, backend, qk_norm=True)
    values = torch.zeros(0, HEADS, requires_grad=True)
    x = torch.zeros(0, HEADS * SIZE)
    attention(x, layout, PairBias.of(values, Pairs.of(layout), layout)).sum().backward()
    for parameter in (values, *attention.parameters()):
        assert torch.equal(parameter.grad, torch.zeros_like(parameter))


@pytest.mark.parametrize("backend", ["runs", "padded"])
@pytest.mark.parametrize("lengths", [[], [0, 0]], ids=str)
def test_no_token_at_all(backend, lengths):
    qkv = random_qkv(0)
    mixed = attend(qkv.transpose(0, 1), Layout.of(np.array(lengths, dtype=int)), backend)
    assert mixed.shape == (0, HEADS, SIZE)


def test_varlen_on_a_cpu_is_refused_with_the_choices():
    with pytest.raises(ConfigError, match=r"needs a GPU.*cpu, torch.float32.*Choose auto, runs or padded"):
        choose("varlen", torch.zeros(1), 0.0)


def test_a_bias_of_pairs_leaves_the_choice_to_runs_and_refuses_varlen():
    assert choose("auto", torch.zeros(1), 0.0, biased=True) == "runs"
    with pytest.raises(ConfigError, match=r"takes no bias of pairs.*choose auto, runs or padded"):
        choose("varlen", torch.zeros(1), 0.0, biased=True)


def test_dropout_drops_in_training_only():
    torch.manual_seed(0)
    attention = Attention(8, 2, dropout=0.5)
    x, layout = torch.randn(9, 8), Layout.of(np.array([4, 5]))
    attention.eval()
    torch.testing.assert_close(attention(x, layout), attention(x, layout))
    before = attention(x, layout)
    attention.train()
    assert not torch.allclose(attention(x, layout), before)


def test_qk_norm_makes_attention_blind_to_the_size_of_queries():
    torch.manual_seed(0)
    x, layout = torch.randn(9, 8), Layout.of(np.array([4, 5]))
    changes = {}
    for qk_norm in (True, False):
        attention = Attention(8, 2, qk_norm=qk_norm)
        before = attention(x, layout)
        with torch.no_grad():
            attention.in_proj.weight[:16] *= 10
        changes[qk_norm] = (attention(x, layout) - before).abs().max().item()
    assert changes[True] < 1e-4 < changes[False]


def test_buckets_have_fixed_lengths():
    runs = ((5, 1), (2, 4), (3, 5), (1, 8), (2, 300))
    assert bucket_shapes(runs) == [(7, 4, 13), (4, 8, 23), (2, 300, 600)]


@pytest.mark.parametrize("backend", ["runs", "padded"])
@pytest.mark.parametrize(
    ("dtype", "autocast"), [(torch.bfloat16, False), (torch.bfloat16, True), (torch.float16, False)]
)
def test_a_processor_attends_to_numbers_of_16_bits_in_32(backend, dtype, autocast):
    qkv = random_qkv(sum(SORTED)).detach().to(dtype).requires_grad_()
    wide = qkv.detach().float().requires_grad_()
    theirs = attend(wide.transpose(0, 1), Layout.of(np.array(SORTED)), backend)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        ours = attend(qkv.transpose(0, 1), Layout.of(np.array(SORTED)), backend)
    assert ours.dtype == dtype
    assert torch.equal(ours, theirs.to(dtype))
    gradients = [
        torch.autograd.grad(result.float().sum(), x)[0] for result, x in ((ours, qkv), (theirs, wide))
    ]
    assert torch.equal(gradients[0], gradients[1].to(dtype))

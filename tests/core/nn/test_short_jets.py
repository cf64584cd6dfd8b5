from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F

from salt_core.nn.short_jets import attend_short, places_of

SHAPES = ((3, 1), (2, 4), (1, 7))
ROWS, HEADS, SIZE = 18, 2, 3


def heads_of(dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(ROWS, 3, HEADS, SIZE, generator=generator, dtype=torch.float64).to(dtype)


def biases_of(dtype=torch.float64):
    generator = torch.Generator().manual_seed(2)
    squares = [torch.randn(c, HEADS, n, n, generator=generator, dtype=torch.float64) for c, n in SHAPES]
    return tuple(square.to(dtype).requires_grad_() for square in squares)


def by_kernel(heads, biases=(None, None, None)):
    """Compute the same with PyTorch's attention, run by run."""
    parts = []
    for part, (c, n), bias in zip(heads.split([c * n for c, n in SHAPES]), SHAPES, biases, strict=True):
        q, k, v = (x.unflatten(0, (c, n)).transpose(1, 2) for x in part.unbind(1))
        parts.append(F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(0, 1))
    return torch.cat(parts)


def test_it_is_the_attention_of_pytorch():
    heads = heads_of().requires_grad_()
    seed = torch.randn(ROWS, HEADS, SIZE, dtype=torch.float64)
    results = attend_short(heads, SHAPES), by_kernel(heads)
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*(torch.autograd.grad((mixed * seed).sum(), heads) for mixed in results))


def test_a_bias_of_each_run_is_added_to_its_scores():
    heads, biases = heads_of().requires_grad_(), biases_of()
    seed = torch.randn(ROWS, HEADS, SIZE, dtype=torch.float64)
    results = attend_short(heads, SHAPES, biases), by_kernel(heads, biases)
    torch.testing.assert_close(*results)
    gradients = [torch.autograd.grad((mixed * seed).sum(), [heads, *biases]) for mixed in results]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("with_bias", [False, True])
def test_gradients_are_those_of_small_differences(with_bias):
    biases = biases_of() if with_bias else ()
    assert torch.autograd.gradcheck(
        lambda heads, *squares: attend_short(heads, SHAPES, squares), (heads_of().requires_grad_(), *biases)
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("autocast", [False, True])
def test_16_bits_are_computed_in_32(dtype, autocast):
    narrow = heads_of(dtype).requires_grad_()
    wide = narrow.detach().float().requires_grad_()
    biases = tuple(bias.detach() for bias in biases_of(dtype))
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        ours = attend_short(narrow, SHAPES, biases)
        ours.float().square().sum().backward()
    theirs = attend_short(wide, SHAPES, tuple(bias.float() for bias in biases))
    (2 * ours.detach().float() * theirs).sum().backward()
    assert ours.dtype == dtype
    assert torch.equal(ours, theirs.to(dtype))
    assert torch.equal(narrow.grad, wide.grad.to(dtype))


def test_nothing_is_kept_where_no_gradient_is_asked_for():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        attend_short(heads_of(), SHAPES)
        assert not kept
        attend_short(heads_of().requires_grad_(), SHAPES)
    assert len(kept) == 1 + len(SHAPES)  # queries, keys and values; shares of each run


def test_places_and_the_way_back_are_each_other_s_inverse():
    places = places_of(SHAPES, HEADS)
    assert torch.equal(places.back, places.rows.argsort())
    assert torch.equal(places.heads_back, places.heads.argsort())


def test_layers_of_one_thread_have_their_places_however_many_threads_there_are():
    together = threading.Barrier(8, timeout=30)

    def layers(length):
        first = places_of(((2, length),), HEADS)
        together.wait()
        return places_of(((2, length),), HEADS) is first

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(layers, range(1, 9)))

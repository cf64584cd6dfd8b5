"""Attention within short jets on a processor, as products of many small matrices.

PyTorch's kernel for attention is made for long sequences: it goes through blocks of queries one by one,
and for a jet of ten tracks each block is a call with next to no work. Here the rows of all jets are
brought into the order of jets and heads by one gather, so that those of jets of equal length are
multiplied all at once; their scores are kept for the way back.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Tokens of the longest jets to attend so; the kept scores of longer ones would take much memory.
LONGEST = 64

#: Jets c, and tokens l of each, of a run of jets of equal length.
Shapes = tuple[tuple[int, int], ...]


def attend_short(heads: Tensor, shapes: Shapes, biases: tuple[Tensor, ...] = ()) -> Tensor:
    """Attend within jets of equal lengths that lie side by side.

    Parameters
    ----------
    heads : Tensor
        Queries, keys and values of H heads, shape (N, 3, H, d); 16 bits are computed in 32.
    shapes : tuple of (int, int)
        Jets c and tokens l of each run of jets.
    biases : tuple of Tensor, optional
        What is added to the scores of each run, shape (c, H, l, l).

    Returns
    -------
    Tensor
        Shape (N, H, d).
    """
    with torch.autocast("cpu", enabled=False):
        mixed: Tensor = _Short.apply(heads, shapes, *biases)  # type: ignore[no-untyped-call]
        return mixed


@dataclass(frozen=True)
class Places:
    """Where rows stand in the order (token, head) and in the order (run, jet, head, token) of matrices.

    Parameters
    ----------
    rows : Tensor
        The row of each place in the matrices, of N H rows (token, head), shape (N H,).
    heads : Tensor
        The same for queries, then keys, then values, of N 3 H rows as they lie in `heads`, shape (3 N H,).
    back, heads_back : Tensor
        The place of each row in the matrices, the inverse of `rows` and `heads`.
    """

    rows: Tensor
    heads: Tensor
    back: Tensor
    heads_back: Tensor


class _Kept(threading.local):
    """The last places of each thread: the layers of a step ask for the same ones one after the other."""

    def __init__(self) -> None:
        self.places_of = lru_cache(maxsize=4)(_places_of)


def places_of(shapes: Shapes, num_heads: int) -> Places:
    """Return the places of the rows of runs of jets."""
    return _kept.places_of(shapes, num_heads)


def _places_of(shapes: Shapes, num_heads: int) -> Places:
    head = np.arange(num_heads)[:, None]
    tokens, start = [], 0
    for jets, length in shapes:
        token = np.arange(start, start + jets * length).reshape(jets, 1, length)
        tokens.append(np.broadcast_to(token, (jets, num_heads, length)).reshape(jets, -1))
        start += jets * length
    of_token = np.concatenate([token.ravel() for token in tokens])
    of_head = np.concatenate(
        [np.broadcast_to(head, (jets, num_heads, length)).ravel() for jets, length in shapes]
    )
    rows = of_token * num_heads + of_head
    heads = np.concatenate([(of_token * 3 + part) * num_heads + of_head for part in range(3)])
    back = np.empty_like(rows)
    back[rows] = np.arange(len(rows))
    heads_back = (back.reshape(-1, 1, num_heads) + len(rows) * np.arange(3)[:, None]).ravel()
    return Places(*(torch.from_numpy(x) for x in (rows, heads, back, heads_back)))


_kept = _Kept()


class _Short(torch.autograd.Function):
    """`attend_short` with its way back."""

    @staticmethod
    def forward(ctx: Any, heads: Tensor, shapes: Shapes, *biases: Tensor) -> Tensor:
        places = places_of(shapes, heads.shape[2])
        qkv = _matrices(heads, places.heads).unflatten(0, (3, -1))
        mixed = torch.empty_like(qkv[0])
        kept = []
        for number, (q, k, v, result) in enumerate(_runs(shapes, heads.shape[2], *qkv, mixed)):
            shares = _shares(q, k, biases[number] if biases else None)
            torch.bmm(shares, v, out=result)
            kept.append(shares)
        ctx.shapes = shapes
        ctx.save_for_backward(qkv, *kept)
        return mixed.index_select(0, places.back).view_as(heads[:, 0]).to(heads.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        num_heads = gradient.shape[1]
        places = places_of(ctx.shapes, num_heads)
        qkv, *kept = ctx.saved_tensors
        of_qkv = torch.empty_like(qkv)
        of_mixed = _matrices(gradient, places.rows)
        of_scores = []
        with torch.autocast("cpu", enabled=False):
            runs = _runs(ctx.shapes, num_heads, *qkv, of_mixed, *of_qkv)
            for shares, (q, k, v, of_result, *results) in zip(kept, runs, strict=True):
                of_scores.append(_backward(q, k, v, shares, of_result, results))
        of_heads = of_qkv.flatten(0, 1).index_select(0, places.heads_back).to(gradient.dtype)
        biased = len(ctx.needs_input_grad) > 2
        squares = (x.unflatten(0, (-1, num_heads)) for x in of_scores) if biased else ()
        return of_heads.view(-1, 3, *gradient.shape[1:]), None, *squares


def _matrices(rows: Tensor, places: Tensor) -> Tensor:
    """Gather rows (..., d) in the order of the matrices, in 32 bits or more."""
    gathered = rows.reshape(-1, rows.shape[-1]).index_select(0, places)
    return gathered.to(torch.promote_types(rows.dtype, torch.float32))


def _runs(shapes: Shapes, num_heads: int, *gathered: Tensor) -> Iterator[list[Tensor]]:
    """View gathered rows (N H, d) run by run as matrices (c H, l, d)."""
    sizes = [jets * length * num_heads for jets, length in shapes]
    parts = zip(*(rows.split(sizes) for rows in gathered), strict=True)
    for (jets, length), part in zip(shapes, parts, strict=True):
        shape = (jets * num_heads, length, gathered[0].shape[-1])
        yield [rows.view(shape) for rows in part]


def _shares(q: Tensor, k: Tensor, bias: Tensor | None) -> Tensor:
    """Return what each query takes of each value: the softmax of the scores, (c H, l, l)."""
    added = q.new_zeros(1, 1, 1) if bias is None else bias.flatten(0, 1).to(q.dtype)
    scores = torch.baddbmm(added, q, k.transpose(1, 2), beta=0 if bias is None else 1, alpha=_scale(q))
    return scores.softmax(-1)


def _backward(
    q: Tensor, k: Tensor, v: Tensor, shares: Tensor, of_mixed: Tensor, results: Sequence[Tensor]
) -> Tensor:
    """Write the gradients of `q`, `k` and `v` into `results`; return that of the scores (c H, l, l)."""
    of_q, of_k, of_v = results
    torch.bmm(shares.transpose(1, 2), of_mixed, out=of_v)
    of_shares = torch.bmm(of_mixed, v.transpose(1, 2))
    of_scores: Tensor = torch.ops.aten._softmax_backward_data(of_shares, shares, -1, shares.dtype)
    torch.baddbmm(of_q, of_scores, k, beta=0, alpha=_scale(q), out=of_q)
    torch.baddbmm(of_k, of_scores.transpose(1, 2), q, beta=0, alpha=_scale(q), out=of_k)
    return of_scores


def _scale(q: Tensor) -> float:
    return 1 / math.sqrt(q.shape[-1])

"""Attention within short jets on a processor, as products of many small matrices.

PyTorch's kernel for attention is made for long sequences: it goes through blocks of queries one by one,
and for a jet of ten tracks each block is a call with next to no work. Jets of equal length are
multiplied all at once here, and their scores kept for the way back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Tokens of the longest jets to attend so; the kept scores of longer ones would take much memory.
LONGEST = 64

Shape = tuple[int, int]


def attend_short(heads: Tensor, shapes: tuple[Shape, ...], biases: tuple[Tensor, ...] = ()) -> Tensor:
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


class _Short(torch.autograd.Function):
    """`attend_short` with its way back, which writes all gradients where they belong at once."""

    @staticmethod
    def forward(ctx: Any, heads: Tensor, shapes: tuple[Shape, ...], *biases: Tensor) -> Tensor:
        mixed = heads.new_empty(heads.shape[0], *heads.shape[2:])
        kept: list[Tensor] = []
        for number, (rows, result) in enumerate(_runs(shapes, heads, mixed)):
            qkv = _by_head(rows)
            shares = _shares(qkv, biases[number] if biases else None)
            result.copy_((shares @ qkv[2]).unflatten(0, (len(rows), -1)).transpose(1, 2))
            kept += [qkv, shares]
        ctx.shapes = shapes
        ctx.save_for_backward(*kept)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        kept = iter(ctx.saved_tensors)
        of_heads = gradient.new_empty(gradient.shape[0], 3, *gradient.shape[1:])
        of_biases = []
        with torch.autocast("cpu", enabled=False):
            for (of_mixed, result), qkv, shares in zip(
                _runs(ctx.shapes, gradient, of_heads), kept, kept, strict=True
            ):
                of_qkv, of_scores = _backward(_by_head(of_mixed.unsqueeze(2))[0], qkv, shares)
                result.copy_(of_qkv.unflatten(1, (len(of_mixed), -1)).permute(1, 3, 0, 2, 4))
                of_biases.append(of_scores.unflatten(0, (len(of_mixed), -1)))
        return of_heads, None, *(of_biases if len(ctx.needs_input_grad) > 2 else ())


def _runs(shapes: tuple[Shape, ...], *packed: Tensor) -> Iterator[list[Tensor]]:
    """View packed rows (N, ...) run by run, as (c, l, ...)."""
    sizes = [jets * length for jets, length in shapes]
    parts = zip(*(rows.split(sizes) for rows in packed), strict=True)
    for shape, part in zip(shapes, parts, strict=True):
        yield [rows.unflatten(0, shape) for rows in part]


def _by_head(rows: Tensor) -> Tensor:
    """Copy rows (c, l, n, H, d) into matrices of each jet and head, (n, c H, l, d), of 32 bits or more."""
    dtype = torch.promote_types(rows.dtype, torch.float32)
    matrices = rows.permute(2, 0, 3, 1, 4).to(dtype, memory_format=torch.contiguous_format)
    return matrices.flatten(1, 2)


def _shares(qkv: Tensor, bias: Tensor | None) -> Tensor:
    """Return what each query takes of each value: the softmax of the scores, (c H, l, l)."""
    q, k, _ = qkv
    scores = (q @ k.transpose(1, 2)).mul_(q.shape[-1] ** -0.5)
    if bias is not None:
        scores += bias.flatten(0, 1)
    shares: Tensor = scores.softmax(-1)
    return shares


def _backward(of_mixed: Tensor, qkv: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of queries, keys and values (3, c H, l, d), and of the scores (c H, l, l)."""
    q, k, v = qkv
    of_shares = of_mixed @ v.transpose(1, 2)
    of_scores = shares * (of_shares - (of_shares * shares).sum(-1, keepdim=True))
    of_qkv = torch.empty_like(qkv)
    torch.bmm(shares.transpose(1, 2), of_mixed, out=of_qkv[2])
    scaled = of_scores * q.shape[-1] ** -0.5
    torch.bmm(scaled, k, out=of_qkv[0])
    torch.bmm(scaled.transpose(1, 2), q, out=of_qkv[1])
    return of_qkv, of_scores

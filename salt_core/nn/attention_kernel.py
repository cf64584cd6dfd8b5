"""Attention within jets by compiled code on a processor.

It reads and writes the packed rows where they lie: nothing is gathered, no score leaves the cache, and none is
kept for the way back, which computes them again. The code is compiled when the package is installed; an
installation without a C compiler does without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from salt_core.cores import ROWS_WORTH_A_THREAD
from salt_core.data.batch import Layout

try:
    from salt_core.nn import _attention_kernel as kernel
except ImportError:
    kernel = None  # type: ignore[assignment]

#: Tokens of the longest jets whose keys and scores stay in the cache.
LONGEST = 128


def is_compiled() -> bool:
    """Return whether this installation has the compiled code."""
    return kernel is not None


def may_attend(heads: Tensor, layout: Layout, dropout: float, biased: bool = False) -> bool:
    """Return whether `attend_compiled` can do what is wanted."""
    return (
        is_compiled()
        and heads.device.type == "cpu"
        and heads.dtype in (torch.float32, torch.bfloat16, torch.float16)
        and heads.shape[-1] % 8 == 0
        and not dropout
        and (kernel.has_threads() or torch.get_num_threads() == 1)
        and not (biased and layout.runs.order is not None)
        and int(layout.host_lengths.max(initial=0)) <= LONGEST
    )


def attend_compiled(heads: Tensor, layout: Layout, squares: Sequence[Tensor] = ()) -> Tensor:
    """Attend within jets, on as many cores as PyTorch has.

    Parameters
    ----------
    heads : Tensor
        Queries, keys and values of H heads, shape (N, 3, H, d), d a multiple of 8; 16 bits are computed
        in 32.
    layout : Layout
        How the N rows divide into jets; with `squares`, by rising length.
    squares : sequence of Tensor, optional
        What is added to the scores of each run of jets of equal length, shape (c, H, l, l).

    Returns
    -------
    Tensor
        Shape (N, H, d).
    """
    bias = torch.cat([square.flatten() for square in squares]) if squares else None
    mixed: Tensor = _Attend.apply(heads, bias, layout)  # type: ignore[no-untyped-call]
    return mixed


class _Attend(torch.autograd.Function):
    """`attend_compiled` with its way back; `bias` (P,) has the squares of all jets one after the other."""

    @staticmethod
    def forward(ctx: Any, heads: Tensor, bias: Tensor | None, layout: Layout) -> Tensor:
        tokens = heads.float().contiguous()
        added = None if bias is None else bias.float()
        result = torch.empty_like(tokens[:, 0])
        _on_all_cores(kernel.attend, layout, tokens, added, result)
        ctx.layout = layout
        ctx.save_for_backward(tokens, added)
        return result.to(heads.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        tokens, added = ctx.saved_tensors
        of_tokens = torch.empty_like(tokens)
        of_bias = None if added is None else torch.empty_like(added)
        of_mixed = gradient.float().contiguous()
        _on_all_cores(kernel.attend_backward, ctx.layout, tokens, added, of_mixed, of_tokens, of_bias)
        return of_tokens.to(gradient.dtype), of_bias, None


def _on_all_cores(
    work: Callable[..., None], layout: Layout, tokens: Tensor, bias: Tensor | None, *others: Any
) -> None:
    """Have the compiled code `work` on all jets; `others` are the tensors that come last."""
    num_heads, size = tokens.shape[2:]
    threads = max(min(torch.get_num_threads(), layout.total // ROWS_WORTH_A_THREAD), 1)
    numbers = (num_heads, size, size**-0.5, threads)
    work(_array(tokens), _array(bias), layout.host_lengths, *numbers, *map(_array, others))


def _array(x: Tensor | None) -> np.ndarray | None:
    return None if x is None else x.numpy()

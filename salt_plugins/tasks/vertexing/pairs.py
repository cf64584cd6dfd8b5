"""Ordered pairs (i, j), i != j, of each jet's constituents, made run by run without an index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from salt_core import Packed
from salt_core.data.batch import Runs
from salt_core.nn.dense import Dense


def off_diagonal(square: Tensor) -> Tensor:
    """Take the entries i != j of each square (c, l, l, ...), row-major, as (c, l - 1, l, ...).

    Without its first entry, a flattened square of side l has a diagonal entry at the end of every
    l + 1 entries, so that a view leaves them out.
    """
    length = square.shape[1]
    rest: Tensor = square.flatten(1, 2)[:, 1:].unflatten(1, (-1, length + 1))
    return rest[:, :, :-1]


class Compacted(torch.autograd.Function):
    """`off_diagonal` put together in memory; backward, one square is filled instead of one for each slice."""

    @staticmethod
    def forward(ctx: Any, square: Tensor) -> Tensor:
        """Take the entries i != j of squares (c, l, l, D)."""
        del ctx
        return off_diagonal(square).contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Put the gradients (c, l - 1, l, D) back into squares, zero where i = j."""
        del ctx
        (gradient,) = gradients
        length = gradient.shape[2]
        square = gradient.new_empty((len(gradient), length, length, *gradient.shape[3:]))
        square.flatten(1, 2)[:, :: length + 1] = 0
        off_diagonal(square).copy_(gradient)
        return square


def compacted(square: Tensor) -> Tensor:
    """Return the entries of `off_diagonal` side by side in memory."""
    entries: Tensor = Compacted.apply(square)  # type: ignore[no-untyped-call]
    return entries


def from_off_diagonal(entries: Tensor, length: int) -> Tensor:
    """Put the entries of `off_diagonal` (c, l * (l - 1)) back into squares (c, l, l), zero where i = j."""
    rows = F.pad(entries.unflatten(1, (length - 1, length)), (0, 1))
    square: Tensor = F.pad(rows.flatten(1), (1, 0)).unflatten(1, (length, length))
    return square


def run_pairs(values: Tensor, runs: Runs) -> list[Tensor]:
    """Cut packed rows (N, ...) into the runs (c, l, ...) that have pairs."""
    ordered = values if runs.order is None else values[runs.order]
    parts = zip(runs.shapes, ordered.split(runs.sizes), strict=True)
    return [part.unflatten(0, shape) for shape, part in parts if shape[1] > 1]


def both(values: Tensor, runs: Runs, combine: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Combine a column (N,) of both members of each pair, giving (P,)."""
    parts = [
        off_diagonal(combine(run.unsqueeze(2), run.unsqueeze(1))).flatten() for run in run_pairs(values, runs)
    ]
    nothing = values[:0]
    return torch.cat(parts) if parts else combine(nothing, nothing)


class PairNet(nn.Module):
    """A dense net on ``[context, x_i, x_j]`` of every pair, whose first layer never sees a pair.

    The first layer is split, ``W_c c + W_i x_i + W_j x_j``: its three products are made per jet and
    per constituent and added by broadcasting.

    Parameters
    ----------
    net : Dense
        For rows of twice the constituents' vectors, with the jet's vector as context.
    """

    def __init__(self, net: Dense) -> None:
        super().__init__()
        self.net = net

    def forward(self, packed: Packed, context: Tensor) -> Tensor:
        """Return one value per pair (P,) for vectors (N, D) and context (B, C)."""
        layout = packed.layout
        first = self.net.first_layer
        size = packed.x.shape[1]
        weight_c, weight_i, weight_j = first.weight.split([self.net.context_size, size, size], dim=1)
        rows_i = F.linear(packed.x, weight_i, first.bias) + layout.spread(F.linear(context, weight_c))
        rows_j = F.linear(packed.x, weight_j)
        runs = zip(run_pairs(rows_i, layout.runs), run_pairs(rows_j, layout.runs), strict=True)
        parts = [self._run(run_i, run_j) for run_i, run_j in runs]
        # A batch without pairs still has to reach every parameter, or ranks would wait for each other.
        return torch.cat(parts) if parts else self.net.after_first(rows_i[:0]).flatten()

    def _run(self, run_i: Tensor, run_j: Tensor) -> Tensor:
        square = run_i.unsqueeze(2) + run_j.unsqueeze(1)
        # A graph that is exported holds no function of our own.
        hidden = compacted(square) if square.requires_grad else off_diagonal(square)
        return self.net.after_first(hidden).flatten()

"""Ordered pairs (i, j), i != j, of each jet's constituents, made run by run without an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from salt_core import Packed
from salt_core.data.batch import Runs
from salt_core.nn.dense import Dense

#: Pairs whose hidden vectors are there at the same time where they are not kept; a jet of more comes alone.
PAIRS_AT_ONCE = 2**16


def off_diagonal(square: Tensor) -> Tensor:
    """Take the entries i != j of each square (c, l, l, ...), row-major, as (c, l - 1, l, ...).

    Without its first entry, a flattened square of side l has a diagonal entry at the end of every
    l + 1 entries, so that a view leaves them out.
    """
    length = square.shape[1]
    rest: Tensor = square.flatten(1, 2)[:, 1:].unflatten(1, (-1, length + 1))
    return rest[:, :, :-1]


def from_off_diagonal(entries: Tensor, length: int) -> Tensor:
    """Put the entries of `off_diagonal` (c, l * (l - 1)) back into squares (c, l, l), zero where i = j."""
    rows = F.pad(entries.unflatten(1, (length - 1, length)), (0, 1))
    square: Tensor = F.pad(rows.flatten(1), (1, 0)).unflatten(1, (length, length))
    return square


def in_pieces(runs: Runs, most_pairs: int) -> Runs:
    """Cut runs between jets, so that each has about `most_pairs` pairs at most, or one jet."""
    return replace(runs, shapes=tuple(_pieces(runs, most_pairs)))


def _pieces(runs: Runs, most_pairs: int) -> Iterator[tuple[int, int]]:
    for jets, length in runs.shapes:
        at_once = max(most_pairs // length**2, 1)
        whole, rest = divmod(jets, at_once)
        yield from [(at_once, length)] * whole
        if rest:
            yield rest, length


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


def square_of_logits(net: Dense, rows_i: Tensor, rows_j: Tensor) -> Tensor:
    """Return the net's value of all pairs (c, l, l), i = j included.

    Parameters
    ----------
    net : Dense
        What follows on its first layer is applied.
    rows_i, rows_j : Tensor
        What each constituent adds to the first layer as the first and as the second of a pair, (c, l, hidden).
    """
    return net.after_first(rows_i.unsqueeze(2) + rows_j.unsqueeze(1)).squeeze(-1)


class PairNet(nn.Module):
    """A dense net on ``[context, x_i, x_j]`` of every pair, whose first layer never sees a pair.

    The first layer is split, ``W_c c + W_i x_i + W_j x_j``: its three products are made per jet and
    per constituent and added by broadcasting.

    Parameters
    ----------
    net : Dense
        For rows of twice the constituents' vectors, with the jet's vector as context.
    recompute : bool, optional
        Whether hidden vectors of pairs are computed again going backward, so that those of `PAIRS_AT_ONCE`
        pairs are in memory rather than all of them.
    """

    def __init__(self, net: Dense, recompute: bool = False) -> None:
        super().__init__()
        self.net = net
        self.recompute = recompute
        self._square = square_of_logits

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile what a training does with the pairs of a piece, and recompute it going backward.

        Without gradients nothing is kept anyway, and there would be as many compilations again. Options are
        those of `torch.compile`.
        """
        self._square = torch.compile(square_of_logits, *args, **kwargs)
        self.recompute = True

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is compiled, as any module does: a copy is not."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        return {**state, "_square": square_of_logits}

    def forward(self, packed: Packed, context: Tensor) -> Tensor:
        """Return one value per pair (P,) for vectors (N, D) and context (B, C)."""
        layout = packed.layout
        first = self.net.first_layer
        size = packed.x.shape[1]
        weight_c, weight_i, weight_j = first.weight.split([self.net.context_size, size, size], dim=1)
        rows_i = F.linear(packed.x, weight_i, first.bias) + layout.spread(F.linear(context, weight_c))
        rows_j = F.linear(packed.x, weight_j)
        # While a model is exported, the length of its one jet is a symbol.
        runs = layout.runs if layout.single else in_pieces(layout.runs, PAIRS_AT_ONCE)
        cut = zip(run_pairs(rows_i, runs), run_pairs(rows_j, runs), strict=True)
        parts = [off_diagonal(self._logits(piece_i, piece_j)).flatten() for piece_i, piece_j in cut]
        # A batch without pairs still has to reach every parameter, or ranks would wait for each other.
        return torch.cat(parts) if parts else self.net.after_first(rows_i[:0]).flatten()

    def _logits(self, rows_i: Tensor, rows_j: Tensor) -> Tensor:
        """Return the values of all pairs (c, l, l) of a piece, and keep what is inside for the way back or not."""
        if not (self.recompute and torch.is_grad_enabled()):
            return square_of_logits(self.net, rows_i, rows_j)
        again = checkpoint(
            self._square, self.net, rows_i, rows_j, use_reentrant=False, preserve_rng_state=False
        )
        return cast("Tensor", again)

"""Pairs of one jet's constituents, and how values of pairs stand as squares in the runs of attention."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from salt_core.data.batch import Layout


@dataclass(frozen=True)
class Pairs:
    """Unordered pairs (i, j), i = j included, of each jet's rows; P in all jets together.

    Parameters
    ----------
    first, second : Tensor
        Rows of the two members, shape (P,); the second does not stand behind the first.
    """

    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, layout: Layout) -> Pairs:
        """List the pairs of all jets of `layout`, jet by jet; of a single one, (j, i) after (i, j) as well."""
        if layout.single:
            rows = layout.slot
            return cls(*(x.flatten() for x in torch.meshgrid(rows, rows, indexing="ij")))
        host = layout.host_lengths
        num_pairs = int((host * (host + 1) // 2).sum())
        # Each row is paired with itself and with what stands before it in its jet.
        partners = layout.slot + 1
        rows = torch.arange(layout.total, device=partners.device)
        first = rows.repeat_interleave(partners, output_size=num_pairs)
        begin = partners.cumsum(0) - partners
        second = torch.arange(num_pairs, device=partners.device) - (begin - (rows - layout.slot))[first]
        return cls(first, second)

    def renumbered(self, rows: Tensor) -> Pairs:
        """Return the same pairs where row i is called ``rows[i]``."""
        return Pairs(rows[self.first], rows[self.second])


def joined(pairs: list[Pairs]) -> Pairs:
    """Put several lists of pairs one after the other."""
    return Pairs(torch.cat([part.first for part in pairs]), torch.cat([part.second for part in pairs]))


@dataclass(frozen=True)
class PairBias:
    """A bias for each pair of a jet's tokens and each of H attention heads, without padding.

    Compiled code passes it on without a look, or it would compile anew for every other set of runs.

    Parameters
    ----------
    squares : tuple of Tensor
        Shape (c, H, l, l) for each run of c jets of l tokens; one empty square where there is no token.
    """

    squares: tuple[Tensor, ...]

    @classmethod
    def of(cls, values: Tensor, pairs: Pairs, layout: Layout) -> PairBias:
        """Put values of unordered pairs into symmetric squares, zero for pairs that are not listed.

        Parameters
        ----------
        values : Tensor
            H values of each pair, shape (P, H).
        pairs : Pairs
            The pairs, by the rows of `layout`.
        layout : Layout
            How the N tokens divide into jets.
        """
        shapes = layout.runs.shapes or ((0, 0),)
        sizes = [jets * length**2 for jets, length in shapes]
        before_row = _square_starts(layout)[layout.jet_index] + layout.slot * layout.lengths[layout.jet_index]
        flat = values.new_zeros((sum(sizes), values.shape[1]))
        for i, j in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
            flat = flat.index_copy(0, before_row[i] + layout.slot[j], values)
        parts = zip(flat.split(sizes), shapes, strict=True)
        return cls(
            tuple(part.unflatten(0, (c, n, n)).permute(0, 3, 1, 2).contiguous() for part, (c, n) in parts)
        )

    def repeated(self, times: int) -> PairBias:
        """Return a bias that stands `times` times, one behind the other, for each head of this one."""
        return PairBias(tuple(square.repeat_interleave(times, 1) for square in self.squares))


def _square_starts(layout: Layout) -> Tensor:
    """Return where the square of each jet (B,) starts when squares stand in the order of the runs."""
    areas = layout.lengths**2
    if layout.runs.order is None:
        return areas.cumsum(0) - areas
    order = layout.lengths.argsort(stable=True)
    ends = areas[order].cumsum(0)
    return torch.empty_like(ends).index_copy(0, order, ends - areas[order])

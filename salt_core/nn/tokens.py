"""How a jet's registers and its constituents of all streams stand side by side as one set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from salt_core.data.batch import JetBatch, Layout, Packed
from salt_core.data.one_jet import OneJet, side_by_side
from salt_core.nn.buckets import RoomyLayout


def layout_of_registers(batch: JetBatch, num_registers: int) -> Layout:
    """Return the layout of `num_registers` rows for each jet of `batch`."""
    if any(packed.layout.single for packed in batch.streams.values()):
        return OneJet(num_registers, batch.rows)
    lengths = torch.full((batch.num_jets,), num_registers, dtype=torch.int64, device=batch.rows.device)
    return Layout(np.full(batch.num_jets, num_registers, dtype=np.int64), lengths)


class TokenMap:
    """Where the rows of several streams stand in one packed set, jet after jet.

    Parameters
    ----------
    layouts : mapping of str to Layout
        The streams, in the order in which they stand within each jet.
    in_bucket : bool, optional
        Whether rows of no jet follow, up to one of few numbers.
    """

    def __init__(self, layouts: Mapping[str, Layout], in_bucket: bool = False) -> None:
        self.layouts = layouts
        self.merged = side_by_side(list(layouts.values()))
        self.spare = 0
        if in_bucket and not self.merged.single:
            self.merged = roomy = RoomyLayout.in_bucket(self.merged)
            self.spare = roomy.spare
        before = self.merged.starts
        self.slots: dict[str, Tensor] = {}
        for name, layout in layouts.items():
            self.slots[name] = layout.spread(before) + layout.slot
            before = before + layout.lengths

    def merge(self, rows: Mapping[str, Tensor]) -> Tensor:
        """Bring the rows (N_s, D) of all streams into the merged order (N, D), and zeros for those of no jet."""
        if len(rows) == 1:
            (x,) = rows.values()
            return F.pad(x, (0, 0, 0, self.spare)) if self.spare else x
        slots = torch.cat([self.slots[name] for name in rows])
        x = torch.cat(list(rows.values()))
        if self.spare:
            return x.new_zeros((len(x) + self.spare, x.shape[1])).index_copy(0, slots, x)
        return torch.empty_like(x).index_copy(0, slots, x)

    def part(self, x: Tensor) -> dict[str, Packed]:
        """Take the merged rows (N, D) apart into their streams."""
        if len(self.layouts) == 1:
            real = x[: self.merged.total] if self.spare else x
            return {name: Packed(real, layout) for name, layout in self.layouts.items()}
        return {
            name: Packed(x.index_select(0, self.slots[name]), layout) for name, layout in self.layouts.items()
        }

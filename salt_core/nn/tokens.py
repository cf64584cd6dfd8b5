"""How a jet's registers and its constituents of all streams stand side by side as one set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from salt_core.data.batch import JetBatch, Layout, Packed
from salt_core.data.one_jet import OneJet, side_by_side


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
    """

    def __init__(self, layouts: Mapping[str, Layout]) -> None:
        self.layouts = layouts
        self.merged = side_by_side(list(layouts.values()))
        before = self.merged.starts
        self.slots: dict[str, Tensor] = {}
        for name, layout in layouts.items():
            self.slots[name] = layout.spread(before) + layout.slot
            before = before + layout.lengths

    def merge(self, rows: Mapping[str, Tensor]) -> Tensor:
        """Bring the rows (N_s, D) of all streams into the merged order (N, D)."""
        if len(rows) == 1:
            return next(iter(rows.values()))
        slots = torch.cat([self.slots[name] for name in rows])
        x = torch.cat(list(rows.values()))
        return torch.empty_like(x).index_copy(0, slots, x)

    def part(self, x: Tensor) -> dict[str, Packed]:
        """Take the merged rows (N, D) apart into their streams."""
        if len(self.layouts) == 1:
            return {name: Packed(x, layout) for name, layout in self.layouts.items()}
        return {
            name: Packed(x.index_select(0, self.slots[name]), layout) for name, layout in self.layouts.items()
        }

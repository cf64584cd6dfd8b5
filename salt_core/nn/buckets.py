"""Few numbers of rows in the place of many, so that what is recorded for one serves most batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from salt_core.data.batch import Layout

#: Buckets from one power of two to the next.
STEPS_PER_DOUBLING = 8

LEAST_STEP = 8


def bucket_of(rows: int) -> int:
    """Return the least bucket that holds `rows`: a multiple of an eighth of the power of two below, and of 8."""
    below = 1 << max(rows.bit_length() - 1, 0)
    step = max(below // STEPS_PER_DOUBLING, LEAST_STEP)
    return -(-max(rows, 1) // step) * step


@dataclass(frozen=True)
class RoomyLayout(Layout):
    """A layout with rows behind those of the jets that belong to none.

    Lengths, runs and the like tell of the jets alone; only `spread` gives values to the spare rows, zeros.

    Parameters
    ----------
    spare : int
        Rows that belong to no jet.
    """

    spare: int

    @classmethod
    def in_bucket(cls, layout: Layout) -> RoomyLayout:
        """Add as many rows as the bucket has room for."""
        return cls(layout.host_lengths, layout.lengths, bucket_of(layout.total) - layout.total)

    def spread(self, per_jet: Tensor) -> Tensor:
        """Repeat one row per jet (B, D) for each of the jet's rows, giving (N + spare, D)."""
        return F.pad(super().spread(per_jet), (0, 0) * (per_jet.ndim - 1) + (0, self.spare))

"""Numbers precise enough for a loss."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Return `x` as float32, or as it is where it is more precise."""
    return x.to(torch.promote_types(x.dtype, torch.float32))

"""Normalisation layers by the name that YAML uses."""

from __future__ import annotations

from typing import Literal

from torch import nn

Norm = Literal["LayerNorm", "RMSNorm"]


def norm_of(name: Norm, size: int) -> nn.Module:
    """Return a norm over the last axis of `size`.

    LayerNorm has no learned scale or shift, RMSNorm has a scale; eps is 1e-5 for both.
    """
    if name == "LayerNorm":
        return nn.LayerNorm(size, eps=1e-5, elementwise_affine=False)
    return nn.RMSNorm(size, eps=1e-5)

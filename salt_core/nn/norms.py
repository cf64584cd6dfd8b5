"""Normalisation layers by the name that YAML uses."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

Norm = Literal["LayerNorm", "RMSNorm"]

#: Where a transformer's layers normalise.
NormType = Literal["pre", "post", "hybrid"]


class RMSNorm(nn.RMSNorm):
    """torch's RMSNorm in the type of its scale, as autocast has it for LayerNorm but not for RMSNorm."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis of `x`."""
        assert self.weight is not None
        return super().forward(x.to(self.weight.dtype))


def norm_of(name: Norm, size: int) -> nn.Module:
    """Return a norm over the last axis of `size`.

    LayerNorm has no learned scale or shift, RMSNorm has a scale; eps is 1e-5 for both.
    """
    if name == "LayerNorm":
        return nn.LayerNorm(size, eps=1e-5, elementwise_affine=False)
    return RMSNorm(size, eps=1e-5)

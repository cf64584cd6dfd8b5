"""Normalisation of the input variables, inside the model."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from salt_core.data.batch import JetBatch
from salt_core.data.facts import DataFacts


class Normaliser(nn.Module):
    """Maps every input variable to ``(x - mean) / std``.

    Parameters
    ----------
    facts : DataFacts
        Means and standard deviations, finite and not zero.
    """

    def __init__(self, facts: DataFacts) -> None:
        super().__init__()
        for name in facts.variables:
            self.register_buffer(f"{name}_mean", torch.tensor(facts.means[name], dtype=torch.float32))
            self.register_buffer(f"{name}_std", torch.tensor(facts.stds[name], dtype=torch.float32))

    def forward(self, batch: JetBatch) -> JetBatch:
        """Return the batch with normalised features; raw columns stay as they are."""
        return replace(
            batch,
            x=self._scaled(batch.x, batch.global_object),
            streams={name: p.with_x(self._scaled(p.x, name)) for name, p in batch.streams.items()},
        )

    def _scaled(self, x: Tensor, name: str) -> Tensor:
        if f"{name}_mean" not in self._buffers:
            return x
        return (x - self.get_buffer(f"{name}_mean")) / self.get_buffer(f"{name}_std")

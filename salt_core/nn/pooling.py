"""Pooling of packed vectors to one vector per jet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from salt_core.data.batch import Packed


class AttentionPooling(nn.Module):
    """Softmax over all vectors of a jet of a learned Linear, then the weighted sum.

    Parameters
    ----------
    size : int
        Size D of the vectors.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(size, 1)

    def forward(self, streams: Sequence[Packed]) -> Tensor:
        """Pool the rows of all `streams` together, giving (B, D); a jet without rows gives zeros."""
        x = torch.cat([packed.x for packed in streams])
        jet = torch.cat([packed.layout.jet_index for packed in streams])
        num_jets = streams[0].layout.num_jets
        # A softmax in 16 bits would lose the small shares.
        score = self.gate(x).squeeze(-1).float()
        highest = score.new_full((num_jets,), -torch.inf).scatter_reduce(0, jet, score.detach(), "amax")
        weight = (score - highest[jet]).exp()
        norm = weight.new_zeros(num_jets).index_add(0, jet, weight)
        share = weight / norm[jet]
        return x.new_zeros((num_jets, x.shape[1])).index_add(0, jet, share.unsqueeze(-1).to(x.dtype) * x)

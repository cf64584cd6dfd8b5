"""Pooling of packed vectors to one vector per jet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from salt_core.data.batch import Packed

Pooling = Literal["attention", "mean", "sum", "max"]


def softmax_within(score: Tensor, jet: Tensor, num_jets: int) -> Tensor:
    """Return the softmax of scores over the rows of the same jet.

    Parameters
    ----------
    score : Tensor
        H scores of each row, shape (N, H).
    jet : Tensor
        The jet of each row (N,).
    num_jets : int
        Jets, those without rows too.

    Returns
    -------
    Tensor
        Shape (N, H), float32: 16 bits would lose the small shares.
    """
    score = score.float()
    index = jet.unsqueeze(1).expand_as(score)
    highest = score.new_full((num_jets, score.shape[1]), -torch.inf)
    highest = highest.scatter_reduce(0, index, score.detach(), "amax")
    weight = (score - highest.index_select(0, jet)).exp()
    total = weight.new_zeros(highest.shape).index_add(0, jet, weight)
    return weight / total.index_select(0, jet)


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
        share = softmax_within(self.gate(x), jet, num_jets).to(x.dtype)
        return x.new_zeros((num_jets, x.shape[1])).index_add(0, jet, share * x)


class SumPooling(nn.Module):
    """Sum over all vectors of a jet."""

    def forward(self, streams: Sequence[Packed]) -> Tensor:
        """Pool the rows of all `streams` together, giving (B, D); a jet without rows gives zeros."""
        first = streams[0]
        # A sum in 16 bits would lose the small summands.
        wide = torch.promote_types(first.x.dtype, torch.float32)
        total = torch.zeros((first.layout.num_jets, first.x.shape[1]), dtype=wide, device=first.x.device)
        for packed in streams:
            total = total.index_add(0, packed.layout.jet_index, packed.x.to(wide))
        return total


class MeanPooling(SumPooling):
    """Mean over all vectors of a jet."""

    def forward(self, streams: Sequence[Packed]) -> Tensor:
        """Pool the rows of all `streams` together, giving (B, D); a jet without rows gives zeros."""
        counts = torch.stack([packed.layout.lengths for packed in streams]).sum(0)
        return super().forward(streams) / counts.clamp(min=1).unsqueeze(1)


class MaxPooling(nn.Module):
    """Largest value of each column over all vectors of a jet."""

    def forward(self, streams: Sequence[Packed]) -> Tensor:
        """Pool the rows of all `streams` together, giving (B, D); a jet without rows gives zeros."""
        x = torch.cat([packed.x for packed in streams])
        jet = torch.cat([packed.layout.jet_index for packed in streams])
        # Started below every value rather than at 0, which would share the gradient of a largest 0.
        start = x.new_full((streams[0].layout.num_jets, x.shape[1]), -torch.inf)
        highest = start.scatter_reduce(0, jet.unsqueeze(1).expand_as(x), x, "amax")
        return highest.masked_fill(highest == -torch.inf, 0)


def pooling_of(name: Pooling, size: int) -> nn.Module:
    """Return the pooling `name` of vectors of `size`: a module from streams to (B, size)."""
    if name == "attention":
        return AttentionPooling(size)
    poolings: dict[Pooling, type[nn.Module]] = {"sum": SumPooling, "mean": MeanPooling, "max": MaxPooling}
    return poolings[name]()

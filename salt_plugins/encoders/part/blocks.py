"""Blocks of the Particle Transformer: embedding, particle attention, class attention.

The norms within the blocks and the learned scales of heads and residuals are those of NormFormer
(arXiv:2110.09456).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from salt_core import Layout
from salt_core.nn.activations import Activation, activation_of
from salt_core.nn.attention import Attention, Backend
from salt_core.nn.dense import Dense
from salt_core.nn.pairs import PairBias
from salt_core.nn.pooling import softmax_within


@dataclass(frozen=True)
class BlockOptions:
    """Choices of a block, as the encoder's options of the same names; `size` is that of the tokens."""

    size: int
    num_heads: int
    ffn_dim: int
    activation: Activation
    attention: Backend
    dropout: float


class ParticleEmbedding(nn.Module):
    """Linear and activation, then norm, Linear and activation for each further size.

    Parameters
    ----------
    input_size, context_size : int
        Columns of the constituents, and of what their jet adds to them.
    sizes : sequence of int
        Sizes of the layers; the last is that of the tokens.
    activation : str
        Activation after each layer.
    """

    def __init__(
        self, input_size: int, context_size: int, sizes: Sequence[int], activation: Activation
    ) -> None:
        super().__init__()
        self.first = Dense(input_size, sizes[0], [], context_size=context_size)
        self.further = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(a), nn.Linear(a, b)) for a, b in pairwise(sizes)
        )
        self.activation = activation_of(activation)

    def forward(self, x: Tensor, context: Tensor, layout: Layout) -> Tensor:
        """Embed constituents (N, F), each with the context (B, C) of its jet, as tokens (N, D)."""
        x = self.activation(self.first(x, context, layout))
        for layer in self.further:
            x = self.activation(layer(x))
        return x


class FeedForward(nn.Module):
    """``scale * x + Linear(norm(activation(Linear(norm(x)))))``, with a learned scale."""

    def __init__(self, options: BlockOptions) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(options.size)
        self.in_proj = nn.Linear(options.size, options.ffn_dim)
        self.activation = activation_of(options.activation)
        self.hidden_norm = nn.LayerNorm(options.ffn_dim)
        self.out_proj = nn.Linear(options.ffn_dim, options.size)
        self.dropout = nn.Dropout(options.dropout)
        self.scale = nn.Parameter(torch.ones(options.size))

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, D) to (N, D)."""
        hidden = self.dropout(self.activation(self.in_proj(self.norm(x))))
        result: Tensor = self.scale * x + self.dropout(self.out_proj(self.hidden_norm(hidden)))
        return result


class ParticleBlock(nn.Module):
    """``x + norm(attention(norm(x)))`` with a bias of pairs, then `FeedForward`."""

    def __init__(self, options: BlockOptions) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(options.size)
        self.attention = Attention(
            options.size, options.num_heads, options.attention, dropout=options.dropout, head_scale=True
        )
        self.attended_norm = nn.LayerNorm(options.size)
        self.dropout = nn.Dropout(options.dropout)
        self.feed_forward = FeedForward(options)

    def forward(self, x: Tensor, layout: Layout, bias: PairBias) -> Tensor:
        """Map the tokens (N, D) of all jets to (N, D)."""
        attended = self.attended_norm(self.attention(self.norm(x), layout, bias))
        result: Tensor = self.feed_forward(x + self.dropout(attended))
        return result


class ClassBlock(nn.Module):
    """As `ParticleBlock`, but the class token alone attends, to itself and to its jet's tokens.

    After class attention in image transformers (arXiv:2103.17239); no bias, and as published no dropout.
    """

    def __init__(self, options: BlockOptions) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(options.size)
        self.attention = ClassAttention(options.size, options.num_heads)
        self.attended_norm = nn.LayerNorm(options.size)
        self.feed_forward = FeedForward(options)

    def forward(self, token: Tensor, x: Tensor, jet: Tensor) -> Tensor:
        """Map the class tokens (B, D), given tokens (N, D) and the jet of each (N,), to (B, D)."""
        attended = self.attention(self.norm(torch.cat([token, x.to(token.dtype)])), len(token), jet)
        result: Tensor = self.feed_forward(token + self.attended_norm(attended))
        return result


class ClassAttention(nn.Module):
    """Multi-head attention with one query per jet.

    Parameters
    ----------
    size : int
        Size D of the tokens.
    num_heads : int
        Heads of size ``D / num_heads``.
    """

    def __init__(self, size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(size, size)
        self.kv_proj = nn.Linear(size, 2 * size)
        self.out_proj = nn.Linear(size, size)
        self.head_scale = nn.Parameter(torch.ones(num_heads, 1))

    def forward(self, x: Tensor, num_jets: int, jet: Tensor) -> Tensor:
        """Attend.

        Parameters
        ----------
        x : Tensor
            The class token of each of B jets, then the tokens of all jets, shape (B + N, D).
        num_jets : int
            Jets B.
        jet : Tensor
            The jet of each of the N tokens.

        Returns
        -------
        Tensor
            Shape (B, D).
        """
        q = self.q_proj(x[:num_jets]).unflatten(-1, (self.num_heads, -1))
        k, v = self.kv_proj(x).unflatten(-1, (2, self.num_heads, -1)).unbind(1)
        jet = torch.cat([torch.arange(num_jets, device=jet.device), jet])
        score = (q.index_select(0, jet) * k).sum(-1).float() / q.shape[-1] ** 0.5
        share = softmax_within(score, jet, num_jets)
        mixed = share.new_zeros(q.shape).index_add(0, jet, share.unsqueeze(-1) * v)
        result: Tensor = self.out_proj((mixed * self.head_scale).flatten(1).to(v.dtype))
        return result

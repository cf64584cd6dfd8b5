"""One transformer layer: attention and feed-forward, each normalised before and added after."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from salt_core import Layout
from salt_core.nn.activations import Activation, activation_of
from salt_core.nn.attention import Attention, Backend
from salt_core.nn.norms import Norm, norm_of


@dataclass(frozen=True)
class LayerOptions:
    """Choices of a layer, as the encoder's options of the same names."""

    embed_dim: int
    num_heads: int
    ffn_dim: int
    attention: Backend
    norm: Norm
    activation: Activation
    gated: bool
    qk_norm: bool
    layer_scale: float | None
    dropout: float


class FeedForward(nn.Module):
    """Linear, activation (times a gate), Linear.

    With a gate, the first Linear gives twice the hidden size; of its halves a and b the result is
    ``activation(a) * b``.
    """

    def __init__(self, options: LayerOptions) -> None:
        super().__init__()
        self.gated = options.gated
        self.in_proj = nn.Linear(options.embed_dim, options.ffn_dim * (2 if options.gated else 1))
        self.out_proj = nn.Linear(options.ffn_dim, options.embed_dim)
        self.activation = activation_of(options.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, D) to (N, D)."""
        hidden = self.in_proj(x)
        if self.gated:
            a, b = hidden.chunk(2, dim=-1)
            hidden = self.activation(a) * b
        else:
            hidden = self.activation(hidden)
        result: Tensor = self.out_proj(hidden)
        return result


class Branch(nn.Module):
    """What a branch does around its own work: norm before; LayerScale and dropout after."""

    def __init__(self, options: LayerOptions) -> None:
        super().__init__()
        self.norm = norm_of(options.norm, options.embed_dim)
        self.dropout = nn.Dropout(options.dropout)
        start = options.layer_scale
        self.scale = None if start is None else nn.Parameter(torch.full((options.embed_dim,), start))

    def after(self, x: Tensor) -> Tensor:
        """Scale and drop the branch's output (N, D)."""
        result: Tensor = self.dropout(x if self.scale is None else x * self.scale)
        return result


class Layer(nn.Module):
    """``x + attention(norm(x))``, then ``x + feed_forward(norm(x))``."""

    def __init__(self, options: LayerOptions) -> None:
        super().__init__()
        self.attention = Attention(
            options.embed_dim, options.num_heads, options.attention, options.qk_norm, options.dropout
        )
        self.feed_forward = FeedForward(options)
        self.attention_branch = Branch(options)
        self.feed_forward_branch = Branch(options)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Map the tokens (N, D) of all jets to (N, D)."""
        attention, feed_forward = self.attention_branch, self.feed_forward_branch
        x = x + attention.after(self.attention(attention.norm(x), layout))
        return x + feed_forward.after(self.feed_forward(feed_forward.norm(x)))

"""One transformer layer: attention and feed-forward, each added to what comes in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from salt_core import Layout
from salt_core.nn.activations import Activation, activation_of
from salt_core.nn.attention import Attention, Backend
from salt_core.nn.differential import DifferentialAttention
from salt_core.nn.norms import Norm, NormType, norm_of
from salt_core.nn.pairs import PairBias


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
    norm_type: NormType
    drop_path: float
    differential: bool


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
    """What a branch has around its own work: a norm; LayerScale, dropout and drop path on its output."""

    def __init__(self, options: LayerOptions, normed: bool = True) -> None:
        super().__init__()
        self.norm = norm_of(options.norm, options.embed_dim) if normed else nn.Identity()
        self.dropout = nn.Dropout(options.dropout)
        self.drop_path = options.drop_path
        start = options.layer_scale
        self.scale = None if start is None else nn.Parameter(torch.full((options.embed_dim,), start))

    def after(self, x: Tensor, layout: Layout) -> Tensor:
        """Scale and drop the branch's output (N, D)."""
        result: Tensor = self.dropout(x if self.scale is None else x * self.scale)
        return drop_jets(result, layout, self.drop_path) if self.training and self.drop_path else result


# Lengths that change from batch to batch would have it compiled again and again.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def drop_jets(x: Tensor, layout: Layout, share: float) -> Tensor:
    """Set all rows (N, D) of a random `share` of the jets to zero, and scale the others to make up for it."""
    kept = (torch.rand(layout.num_jets, 1, device=x.device) >= share) / (1 - share)
    return x * layout.spread(kept).to(x.dtype)


def attention_of(options: LayerOptions, depth: int) -> Attention | DifferentialAttention:
    """Make the attention of the layer that has `depth` layers before it."""
    hybrid = options.norm_type == "hybrid"
    size, heads, qk_norm = options.embed_dim, options.num_heads, options.qk_norm or hybrid
    if options.differential:
        return DifferentialAttention(
            size, heads, depth, options.attention, qk_norm, options.dropout, v_norm=hybrid
        )
    return Attention(size, heads, options.attention, qk_norm, options.dropout, v_norm=hybrid)


class Layer(nn.Module):
    """Attention, then feed-forward; ``norm_type`` says where they normalise.

    - ``pre``: ``x + attention(norm(x))``, then ``x + feed_forward(norm(x))``.
    - ``post``: ``norm(x + attention(x))``, then ``norm(x + feed_forward(x))``.
    - ``hybrid`` (HybridNorm, arXiv:2503.04598): attention normalises queries, keys and values;
      ``y = norm(x + attention(x))``, then ``y + feed_forward(y)``.
    """

    def __init__(self, options: LayerOptions, depth: int) -> None:
        super().__init__()
        self.norm_type = options.norm_type
        self.attention = attention_of(options, depth)
        self.feed_forward = FeedForward(options)
        self.attention_branch = Branch(options, normed=options.norm_type != "hybrid")
        self.feed_forward_branch = Branch(options)

    def forward(self, x: Tensor, layout: Layout, bias: PairBias | None = None) -> Tensor:
        """Map the tokens (N, D) of all jets to (N, D); `bias` is added to the scores of their pairs."""
        attention, feed_forward = self.attention_branch, self.feed_forward_branch
        if self.norm_type == "pre":
            x = x + attention.after(self.attention(attention.norm(x), layout, bias), layout)
            return x + feed_forward.after(self.feed_forward(feed_forward.norm(x)), layout)
        x = x + attention.after(self.attention(x, layout, bias), layout)
        if self.norm_type == "hybrid":
            x = feed_forward.norm(x)
            return x + feed_forward.after(self.feed_forward(x), layout)
        x = attention.norm(x)
        result: Tensor = feed_forward.norm(x + feed_forward.after(self.feed_forward(x), layout))
        return result

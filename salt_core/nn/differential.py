"""Differential attention (arXiv:2410.05258): the difference of two attention maps."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from salt_core.data.batch import Layout
from salt_core.nn.attention import Backend, attend
from salt_core.nn.norms import RMSNorm
from salt_core.nn.pairs import PairBias


class DifferentialAttention(nn.Module):
    """Multi-head self-attention within each jet, ``(softmax(q1 k1) - lambda softmax(q2 k2)) v`` per head.

    The second map takes away what both see, the noise. Lambda is learned, one value for all heads;
    it starts near ``0.8 - 0.6 exp(-0.3 depth)``, so that deeper layers take away more. Each head's
    result is normalised.

    Parameters
    ----------
    size : int
        Size D of the tokens.
    num_heads : int
        Heads of size ``D / num_heads``, which is even: queries and keys of one map have half of it.
    depth : int
        Layers before this one.
    backend : str, optional
        How to compute it.
    qk_norm : bool, optional
        Whether RMSNorm is applied to queries and keys of each map.
    dropout : float, optional
        Share of attention weights dropped while training.
    v_norm : bool, optional
        Whether RMSNorm is applied to the values of each head.
    """

    def __init__(
        self,
        size: int,
        num_heads: int,
        depth: int,
        backend: Backend = "auto",
        qk_norm: bool = False,
        dropout: float = 0.0,
        v_norm: bool = False,
    ) -> None:
        super().__init__()
        head_size = size // num_heads
        assert head_size % 2 == 0, "two maps share the head"
        self.num_heads = num_heads
        self.backend: Backend = backend
        self.dropout = dropout
        self.lambda_start = 0.8 - 0.6 * math.exp(-0.3 * depth)
        self.in_proj = nn.Linear(size, 3 * size)
        self.out_proj = nn.Linear(size, size)
        self.lambdas = nn.Parameter(0.1 * torch.randn(4, head_size // 2))
        self.q_norm = RMSNorm(head_size // 2, eps=1e-5) if qk_norm else nn.Identity()
        self.k_norm = RMSNorm(head_size // 2, eps=1e-5) if qk_norm else nn.Identity()
        self.v_norm = RMSNorm(head_size, eps=1e-5) if v_norm else nn.Identity()
        self.head_norm = RMSNorm(head_size, eps=1e-5)
        nn.init.xavier_uniform_(self.in_proj.weight)
        nn.init.zeros_(self.in_proj.bias)

    def share(self) -> Tensor:
        """Return lambda, the share of the second map that is taken away, (1,)."""
        q1, k1, q2, k2 = self.lambdas
        first, second = ((q * k).sum(0, keepdim=True).exp() for q, k in ((q1, k1), (q2, k2)))
        share: Tensor = first - second + self.lambda_start
        return share

    def forward(self, x: Tensor, layout: Layout, bias: PairBias | None = None) -> Tensor:
        """Mix the tokens (N, D) of each jet; `bias` as in `attend`, added to the scores of both maps."""
        q, k, v = self.in_proj(x).unflatten(-1, (3, self.num_heads, 2, -1)).unbind(1)
        v = self.v_norm(v.flatten(2)).to(v.dtype).unflatten(2, (2, -1))
        q, k = self.q_norm(q).to(v.dtype), self.k_norm(k).to(v.dtype)
        # The kernels want values as wide as queries, so each map attends to either half of the values:
        # four heads (map 1, half 1), (map 1, half 2), (map 2, half 1), (map 2, half 2) for one.
        parts = (q.repeat_interleave(2, 2), k.repeat_interleave(2, 2), v.repeat(1, 1, 2, 1))
        heads = torch.stack(parts, 1).flatten(2, 3)
        four = None if bias is None else bias.repeated(4)
        dropout = self.dropout if self.training else 0.0
        mixed = attend(heads, layout, self.backend, dropout, four)
        first, second = mixed.unflatten(1, (self.num_heads, 2, 2)).flatten(3).unbind(2)
        # Lambda has an axis, unlike a plain number, so that 16-bit maps are subtracted in its 32 bits.
        difference = self.head_norm(first - self.share() * second) * (1 - self.lambda_start)
        result: Tensor = self.out_proj(difference.flatten(1))
        return result

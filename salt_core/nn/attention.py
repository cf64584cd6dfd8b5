"""Attention within each jet over packed tokens: one function that picks the fastest way it may.

The three ways give the same numbers. `varlen` is one kernel for the whole batch on a recent GPU;
`runs` views jets of equal length as dense blocks, with no mask and no padding, and multiplies those of
short jets all at once on a processor; `padded` fills buckets of fixed lengths, so that code specialised
on shapes sees few of them. On a processor, `auto` leaves what it can to compiled code of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn

from salt_core.data.batch import Layout
from salt_core.errors import ConfigError
from salt_core.nn.attention_kernel import attend_compiled, may_attend
from salt_core.nn.norms import RMSNorm
from salt_core.nn.pairs import PairBias
from salt_core.nn.short_jets import LONGEST, attend_short

Backend = Literal["auto", "varlen", "runs", "padded"]

BUCKETS = (4, 8, 16, 32, 64, 128, 256)

HALF = (torch.bfloat16, torch.float16)


def choose(backend: Backend, x: Tensor, dropout: float, biased: bool = False) -> Backend:
    """Return the backend to use for tokens like `x`.

    Raises
    ------
    ConfigError
        Where `varlen` is asked for and the device, type, dropout or a bias of pairs does not allow it.
    """
    half = x.dtype in HALF
    recent = x.is_cuda and torch.cuda.get_device_capability(x.device) >= (8, 0)
    possible = half and recent and dropout == 0.0
    if backend == "varlen" and biased:
        raise ConfigError(
            "attention 'varlen' takes no bias of pairs, such as edges give; choose auto, runs or padded",
            "model.encoder.attention",
        )
    if backend == "varlen" and not possible:
        raise ConfigError(
            "attention 'varlen' needs a GPU of compute capability 8.0 or later, 16-bit precision and no "
            f"attention dropout; here: {x.device.type}, {x.dtype}, dropout {dropout}. "
            "Choose auto, runs or padded",
            "model.encoder.attention",
        )
    return ("varlen" if possible and not biased else "runs") if backend == "auto" else backend


@torch.compiler.disable  # type: ignore[untyped-decorator]
def attend(
    heads: Tensor,
    layout: Layout,
    backend: Backend,
    dropout: float = 0.0,
    bias: PairBias | None = None,
) -> Tensor:
    """Let every token attend to the tokens of its own jet.

    Parameters
    ----------
    heads : Tensor
        Queries, keys and values of H heads, shape (N, 3, H, d). Rows beyond those of `layout` attend to
        nothing, and their result is zero.
    layout : Layout
        How the N tokens divide into jets.
    backend : str
        How to compute; see `choose`.
    dropout : float, optional
        Share of attention weights dropped.
    bias : PairBias, optional
        What is added to the scores of the pairs of `layout`.

    Returns
    -------
    Tensor
        Shape (N, H, d).
    """
    if layout.single:
        return _one_jet(heads, bias)
    if len(heads) > layout.total:  # spare rows, of no jet
        mixed = attend(heads[: layout.total], layout, backend, dropout, bias)
        return F.pad(mixed, (0, 0, 0, 0, 0, len(heads) - layout.total))
    if backend == "auto" and may_attend(heads, layout, dropout, bias is not None):
        return attend_compiled(heads, layout, () if bias is None else bias.squares)
    backend = choose(backend, heads, dropout, bias is not None)
    if backend == "varlen":
        return _varlen(heads, layout)
    if not layout.runs.shapes:
        return _no_row(heads, bias)
    order = layout.runs.order
    blocks = _padded if backend == "padded" else _runs
    if order is None:
        return blocks(heads, layout, dropout, bias)
    mixed = blocks(heads[order], layout, dropout, bias)
    return torch.empty_like(mixed).index_copy(0, order, mixed)


def _one_jet(heads: Tensor, bias: PairBias | None) -> Tensor:
    """Attend within the one jet of an exported model, by operations that take no row as well."""
    q, k, v = (x.transpose(0, 1) for x in heads.unbind(1))
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    if bias is not None:
        scores = scores + bias.squares[0].squeeze(0).to(q.dtype)
    mixed: Tensor = scores.softmax(-1) @ v
    return mixed.transpose(0, 1)


def _no_row(heads: Tensor, bias: PairBias | None) -> Tensor:
    """Return the empty result; it depends on all that comes in, or ranks would wait for gradients."""
    nothing = heads.sum(1)
    return nothing if bias is None else nothing + bias.squares[0].sum()


def _varlen(heads: Tensor, layout: Layout) -> Tensor:
    ends = F.pad(layout.lengths.cumsum(0), (1, 0)).to(torch.int32)
    longest = int(layout.host_lengths.max(initial=0))
    q, k, v = heads.unbind(1)
    result = varlen_attn(q, k, v, ends, ends, longest, longest)
    assert isinstance(result, Tensor)
    return result


def _runs(heads: Tensor, layout: Layout, dropout: float, bias: PairBias | None) -> Tensor:
    shapes, sizes = layout.runs.shapes, layout.runs.sizes
    squares = () if bias is None else bias.squares
    by_kernel = dropout or heads.device.type != "cpu"
    short = 0 if by_kernel else sum(length <= LONGEST for _, length in shapes)
    if short == len(shapes):
        return attend_short(heads, shapes, squares)
    first, *others = heads.split([sum(sizes[:short]), *sizes[short:]])
    mixed = [attend_short(first, shapes[:short], squares[:short])] if short else []
    masks = squares[short:] or [None] * len(others)
    for part, shape, mask in zip(others, shapes[short:], masks, strict=True):
        mixed.append(_run(part, shape, dropout, mask))
    return torch.cat(mixed)


def _run(heads: Tensor, shape: tuple[int, int], dropout: float, bias: Tensor | None) -> Tensor:
    """Attend within c jets of l tokens each, for `shape` (c, l)."""
    q, k, v = (x.unflatten(0, shape).transpose(1, 2) for x in heads.unbind(1))
    return _mixed(q, k, v, bias, dropout).transpose(1, 2).flatten(0, 1)


def _mixed(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """Attend within c jets of l tokens (c, H, l, d); `mask` is added to the scores, or says what takes part.

    A processor does so in 32 bits: its kernel takes 16 bits, as autocast would give it, but then needs four
    times as long backward.
    """
    if q.device.type != "cpu":
        return _attention(q, k, v, mask, dropout)
    with torch.autocast("cpu", enabled=False):
        return _attention(_wide(q), _wide(k), _wide(v), mask, dropout).to(q.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in HALF else x


def _attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)


def _padded(heads: Tensor, layout: Layout, dropout: float, bias: PairBias | None) -> Tensor:
    buckets = bucket_shapes(layout.runs.shapes)
    sizes = [rows for _, _, rows in buckets]
    empty = layout.num_jets - sum(jets for jets, _, _ in buckets)
    jets = [empty, *(jets for jets, _, _ in buckets)]
    host = np.split(np.sort(layout.host_lengths), np.cumsum(jets)[:-1])[1:]
    lengths = layout.lengths.sort().values.split(jets)[1:]
    biases = [None] * len(buckets) if bias is None else _padded_squares(bias, buckets)
    parts = zip(heads.split(sizes), host, lengths, buckets, biases, strict=True)
    return torch.cat(
        [
            _padded_bucket(part, Layout(on_host, on_device), bucket[1], dropout, square)
            for part, on_host, on_device, bucket, square in parts
        ]
    )


def _padded_squares(bias: PairBias, buckets: list[tuple[int, int, int]]) -> list[Tensor]:
    """Pad the squares of the runs with zeros to those of the buckets that hold them (c, H, L, L)."""
    ends = list(accumulate(jets for jets, _, _ in buckets))
    parts: list[list[Tensor]] = [[] for _ in buckets]
    done = 0
    for square in bias.squares:
        number = bisect_right(ends, done)
        margin = buckets[number][1] - square.shape[-1]
        parts[number].append(F.pad(square, (0, margin, 0, margin)))
        done += square.shape[0]
    return [torch.cat(part) for part in parts]


def _padded_bucket(heads: Tensor, layout: Layout, length: int, dropout: float, bias: Tensor | None) -> Tensor:
    """Attend within the jets of `layout`, padded to `length` tokens each."""
    slots = layout.jet_index * length + layout.slot
    shape = (layout.num_jets, length)

    def pad(x: Tensor) -> Tensor:
        empty = x.new_zeros((layout.num_jets * length, *x.shape[1:]))
        padded: Tensor = empty.index_copy(0, slots, x).unflatten(0, shape)
        return padded.transpose(1, 2)

    mask = (torch.arange(length, device=heads.device) < layout.lengths[:, None])[:, None, None, :]
    if bias is not None:
        mask = bias.masked_fill(~mask, -torch.inf)
    q, k, v = (pad(x) for x in heads.unbind(1))
    mixed = _mixed(q, k, v, mask, dropout)
    return mixed.transpose(1, 2).flatten(0, 1).index_select(0, slots)


def bucket_shapes(runs: tuple[tuple[int, int], ...]) -> list[tuple[int, int, int]]:
    """Group runs into buckets of the fixed lengths.

    Parameters
    ----------
    runs : tuple of (int, int)
        Jets and length of each run, by rising length.

    Returns
    -------
    list of (int, int, int)
        Jets, padded length and real rows of each bucket that holds any.
    """
    longest = max((length for _, length in runs), default=0)
    edges = (0, *BUCKETS, longest) if longest > BUCKETS[-1] else (0, *BUCKETS)
    buckets = []
    for low, high in pairwise(edges):
        inside = [(jets, length) for jets, length in runs if low < length <= high]
        if inside:
            buckets.append((sum(c for c, _ in inside), high, sum(c * n for c, n in inside)))
    return buckets


class Attention(nn.Module):
    """Multi-head self-attention within each jet.

    Parameters
    ----------
    size : int
        Size D of the tokens.
    num_heads : int
        Heads of size ``D / num_heads``.
    backend : str, optional
        How to compute it.
    qk_norm : bool, optional
        Whether RMSNorm is applied to queries and keys of each head.
    dropout : float, optional
        Share of attention weights dropped while training.
    v_norm : bool, optional
        Whether RMSNorm is applied to the values of each head.
    head_scale : bool, optional
        Whether a learned factor, 1 at the start, scales what each head gives to the output projection.
    """

    def __init__(
        self,
        size: int,
        num_heads: int,
        backend: Backend = "auto",
        qk_norm: bool = False,
        dropout: float = 0.0,
        v_norm: bool = False,
        head_scale: bool = False,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.backend: Backend = backend
        self.dropout = dropout
        self.normed = qk_norm or v_norm
        self.in_proj = nn.Linear(size, 3 * size)
        self.out_proj = nn.Linear(size, size)
        head_size = size // num_heads
        self.q_norm = RMSNorm(head_size, eps=1e-5) if qk_norm else nn.Identity()
        self.k_norm = RMSNorm(head_size, eps=1e-5) if qk_norm else nn.Identity()
        self.v_norm = RMSNorm(head_size, eps=1e-5) if v_norm else nn.Identity()
        self.head_scale = nn.Parameter(torch.ones(num_heads, 1)) if head_scale else None
        nn.init.xavier_uniform_(self.in_proj.weight)
        nn.init.zeros_(self.in_proj.bias)

    def forward(self, x: Tensor, layout: Layout, bias: PairBias | None = None) -> Tensor:
        """Mix the tokens (N, D) of each jet; `bias` as in `attend`."""
        heads = self._normed(self.in_proj(x).unflatten(-1, (3, self.num_heads, -1)))
        dropout = self.dropout if self.training else 0.0
        mixed = attend(heads, layout, self.backend, dropout, bias)
        if self.head_scale is not None:
            mixed = mixed * self.head_scale.to(mixed.dtype)
        result: Tensor = self.out_proj(mixed.flatten(1))
        return result

    def _normed(self, heads: Tensor) -> Tensor:
        """Normalise queries, keys and values (N, 3, H, d) as far as that is chosen."""
        if not self.normed:
            return heads
        q, k, v = heads.unbind(1)
        parts = (self.q_norm(q), self.k_norm(k), self.v_norm(v))
        return torch.stack([part.to(v.dtype) for part in parts], 1)

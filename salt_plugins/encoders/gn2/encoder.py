"""GN2: initial nets, a transformer over each jet's constituents and registers, attention pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from salt_core import ConfigError, DataFacts, Encoded, Encoder, JetBatch, Layout, Packed
from salt_core.nn.activations import Activation
from salt_core.nn.attention import Backend
from salt_core.nn.conditions import Conditioning, Conditions, Film
from salt_core.nn.edges import Edges, StreamEdges
from salt_core.nn.embedding import InitNet, jet_embedding, stream_embeddings
from salt_core.nn.norms import Norm, NormType, norm_of
from salt_core.nn.pairs import PairBias
from salt_core.nn.pooling import Pooling, pooling_of
from salt_core.nn.sizes import positive
from salt_core.nn.tokens import TokenMap, layout_of_registers
from salt_plugins.encoders.gn2.layer import Layer, LayerOptions

REGISTERS = "registers"


class GN2(Encoder):
    """Transformer over each jet's constituents, as in ATLAS's GN2.

    Each constituent is embedded together with its jet's features; learned registers join each jet's
    set; transformer layers mix the set; a projection and a pooling end it.

    Parameters
    ----------
    init_nets : dict of str to InitNet
        Initial net of each input stream, which embeds its constituents into `embed_dim`. One named
        ``global`` embeds the jet's own variables into `out_dim`, joined to the jet's pooled vector.
    num_layers : int, optional
        Transformer layers.
    embed_dim : int, optional
        Size of the tokens within the transformer.
    num_heads : int, optional
        Attention heads; must divide `embed_dim`.
    out_dim : int, optional
        Size of the vectors that the heads see.
    attention : str, optional
        How attention is computed; ``auto`` picks by device, type and dropout. The results agree.
    num_registers : int, optional
        Learned tokens that join each jet, so that a jet without constituents has one too.
    norm : str, optional
        ``LayerNorm`` (no learned scale) or ``RMSNorm`` (a learned scale).
    activation : str, optional
        Activation of the feed-forward blocks.
    gated : bool, optional
        Whether the feed-forward blocks multiply by a gate.
    ffn_dim : int, optional
        Hidden size of the feed-forward blocks; twice `embed_dim` where not given.
    qk_norm : bool, optional
        Whether queries and keys are normalised per head.
    layer_scale : float, optional
        Start value of a learned factor on each branch's output; none where not given.
    dropout : float, optional
        Share of attention weights and branch outputs dropped while training.
    pooling : str, optional
        How a jet's vectors become one.
    conditioning : str, optional
        How ``data.parameters`` enter: ``concatenate`` joins them to the input of every initial net,
        ``featurewise`` scales and shifts the tokens before and after each layer.
    norm_type : str, optional
        Where layers normalise: ``pre`` before each branch, ``post`` after each sum, or ``hybrid``
        (HybridNorm: queries, keys and values within attention, and after its sum).
    drop_path : float, optional
        Share of jets for which a whole branch of a layer is left out while training.
    differential : bool, optional
        Whether attention is the difference of two maps, with more taken away the deeper the layer.
    edges : dict of str to Edges, optional
        By stream, features of pairs of its constituents (``dR``, ``kT``, ``z``, ``isSelfLoop``, ``mass``),
        of which a small net makes a bias for each head's attention scores, the same in all layers.
    recompute : bool, optional
        Whether what happens within a layer is computed again going backward instead of kept (activation
        checkpointing): a training takes less memory and more time.
    """

    def __init__(
        self,
        init_nets: dict[str, InitNet],
        num_layers: int = 4,
        embed_dim: int = 256,
        num_heads: int = 8,
        out_dim: int = 128,
        attention: Backend = "auto",
        num_registers: int = 1,
        norm: Norm = "LayerNorm",
        activation: Activation = "ReLU",
        gated: bool = False,
        ffn_dim: int | None = None,
        qk_norm: bool = False,
        layer_scale: float | None = None,
        dropout: float = 0.0,
        pooling: Pooling = "attention",
        conditioning: Conditioning = "concatenate",
        norm_type: NormType = "pre",
        drop_path: float = 0.0,
        differential: bool = False,
        edges: dict[str, Edges] | None = None,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        positive(num_heads=num_heads, embed_dim=embed_dim, out_dim=out_dim)
        if embed_dim % num_heads:
            raise ConfigError(f"{num_heads} heads do not divide embed_dim, which is {embed_dim}", "num_heads")
        if differential and embed_dim // num_heads % 2:
            raise ConfigError(
                f"two attention maps share each head, and its size, {embed_dim // num_heads}, is odd",
                "differential",
            )
        if not 0 <= drop_path < 1:
            raise ConfigError(
                f"{drop_path} is no share of jets; give 0 or more, and less than 1", "drop_path"
            )
        if edges and attention == "varlen":
            raise ConfigError(
                "'varlen' takes no bias, as edges give; choose auto, runs or padded", "attention"
            )
        self.init_net_options = init_nets
        self.edge_options = edges or {}
        self.recompute = recompute
        self.in_buckets = False
        self.num_layers = num_layers
        self.out_dim = out_dim
        self.num_registers = num_registers
        self.pooling: Pooling = pooling
        self.featurewise = conditioning == "featurewise"
        self.options = LayerOptions(
            embed_dim=embed_dim,
            num_heads=num_heads,
            ffn_dim=ffn_dim or 2 * embed_dim,
            attention=attention,
            norm=norm,
            activation=activation,
            gated=gated,
            qk_norm=qk_norm,
            layer_scale=layer_scale,
            dropout=dropout,
            norm_type=norm_type,
            drop_path=drop_path,
            differential=differential,
        )

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name the columns that edge features are computed from."""
        return {stream: edges.columns.names() for stream, edges in self.edge_options.items()}

    def build(self, data: DataFacts) -> Encoded:
        """Make the parameters for the streams of `data`."""
        size = self.options.embed_dim
        self.conditions = Conditions(data)
        joined = 0 if self.featurewise else self.conditions.size
        self.init_nets = stream_embeddings(self.init_net_options, size, data, joined)
        self.global_net = jet_embedding(self.init_net_options, self.out_dim, data, joined)
        # A parameter of no size would be one that ranks wait for in vain.
        registers = nn.Parameter(1e-4 * torch.randn(self.num_registers, size))
        self.registers = registers if self.num_registers else None
        self.layers = nn.ModuleList(Layer(self.options, depth) for depth in range(self.num_layers))
        self.edges = StreamEdges(self.edge_options, self.options.num_heads, data)
        num_films = self.num_layers + 1 if self.featurewise else 0
        self.films = nn.ModuleList(Film(self.conditions.size, size) for _ in range(num_films))
        self.out_proj = nn.Linear(size, self.out_dim)
        self.out_norm = norm_of(self.options.norm, self.out_dim)
        self.pool_net = pooling_of(self.pooling, self.out_dim)
        pooled = self.out_dim if self.global_net is None else 2 * self.out_dim
        return Encoded(pooled, streams=dict.fromkeys(data.streams, self.out_dim))

    def encode(self, batch: JetBatch) -> Mapping[str, Packed]:
        """Encode each stream's constituents; the registers are given as a stream of that name."""
        tokens = {REGISTERS: layout_of_registers(batch, self.num_registers)} if self.num_registers else {}
        tokens |= {name: batch.streams[name].layout for name in self.init_nets}
        token_map = TokenMap(tokens, self.in_buckets)
        conditions = self.conditions(batch)
        bias = self.edges.bias(batch, token_map)
        x = token_map.merge(self._embed(batch, conditions))
        for depth, layer in enumerate(self.layers):
            modulated = self._modulated(x, depth, conditions, token_map.merged)
            x = self._through(layer, modulated, token_map.merged, bias)
        x = self._modulated(x, self.num_layers, conditions, token_map.merged)
        return token_map.part(self.out_norm(self.out_proj(x)))

    def pool(self, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Pool the vectors of all streams and registers; the jet's own embedding comes first."""
        pooled: Tensor = self.pool_net(list(streams.values()))
        if self.global_net is None:
            return pooled
        return torch.cat([self.global_net.embed(batch, self._joined(self.conditions(batch))), pooled], dim=1)

    def compiled_parts(self) -> Sequence[nn.Module]:
        """Name the transformer layers."""
        return list(self.layers)

    def pad_to_buckets(self) -> None:
        """Pad the tokens of all jets together."""
        if self.recompute:
            raise ConfigError(
                "layers that run again going backward are not recorded as CUDA graphs; choose one of the two",
                "recompute",
            )
        self.in_buckets = True

    def _through(self, layer: nn.Module, x: Tensor, layout: Layout, bias: PairBias | None) -> Tensor:
        """Apply a layer, and keep what is inside of it for the way back or not."""
        if self.recompute and torch.is_grad_enabled():
            return cast("Tensor", checkpoint(layer, x, layout, bias, use_reentrant=False))
        return cast("Tensor", layer(x, layout, bias))

    def _embed(self, batch: JetBatch, conditions: Tensor) -> dict[str, Tensor]:
        """Embed registers and constituents into rows (N_s, embed_dim) by stream."""
        rows = self.init_nets.embed(batch, self._joined(conditions))
        if self.registers is None:
            return rows
        like = next(iter(rows.values()))
        registers = self.registers.to(like.dtype).repeat(batch.num_jets, 1)
        return {REGISTERS: registers} | rows

    def _joined(self, conditions: Tensor) -> Tensor:
        """Return those of the conditions (B, P) that are joined to the input: all, or none (B, 0)."""
        return conditions[:, :0] if self.featurewise else conditions

    def _modulated(self, x: Tensor, depth: int, conditions: Tensor, layout: Layout) -> Tensor:
        """Scale and shift the tokens (N, D) by the jet's conditions (B, P), where that is chosen."""
        if not self.films:
            return x
        modulated: Tensor = self.films[depth](x, conditions, layout)
        return modulated

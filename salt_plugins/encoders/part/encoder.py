"""The Particle Transformer: attention biased by what constituents are to each other, and a class token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from salt_core import ConfigError, DataFacts, Encoded, Encoder, JetBatch, Packed
from salt_core.errors import located, suggest
from salt_core.nn.activations import Activation
from salt_core.nn.attention import Backend
from salt_core.nn.conditions import Conditions
from salt_core.nn.edges import EdgeBias, EdgeColumns, EdgeFeature, Momenta
from salt_core.nn.pairs import PairBias
from salt_core.nn.sizes import positive
from salt_core.nn.tokens import TokenMap
from salt_plugins.encoders.part.blocks import BlockOptions, ClassBlock, ParticleBlock, ParticleEmbedding


class ParticleTransformer(Encoder):
    """Particle Transformer (ParT): pair features bias attention, a class token gathers the jet.

    After arXiv:2202.03772, with its sizes as defaults. Each constituent is embedded together with its
    jet's variables. A net makes an attention bias of the features of each pair of constituents, the same
    in all particle attention blocks; in the class attention blocks a class token attends to the
    constituents. Where the published net has batch norms, which make a jet depend on its batch mates,
    inputs are scaled by the data's norms and pair features by constants.

    Parameters
    ----------
    columns : dict of str to EdgeColumns, optional
        Raw columns of each input stream that pair features are computed from; of ``tracks``, ``pt``,
        ``eta`` and ``phi`` where not given. Constituents of all streams are one set.
    embed_dims : list of int, optional
        Sizes of the layers that embed constituents; the last is the size of all vectors.
    num_layers : int, optional
        Particle attention blocks.
    num_heads : int, optional
        Attention heads; must divide the last of `embed_dims`.
    num_class_layers : int, optional
        Class attention blocks.
    ffn_dim : int, optional
        Hidden size of the feed-forward parts; four times the size of the vectors where not given.
    pair_features : list of str, optional
        ``dR``, ``kT``, ``z``, ``isSelfLoop`` and ``mass``, or some of them.
    pair_embed_dims : list of int, optional
        Sizes of the hidden layers of the net on pair features.
    pt_to_gev : float, optional
        What the columns of transverse momenta are multiplied by to be in GeV.
    activation : str, optional
        Activation of all parts.
    dropout : float, optional
        Share of attention weights and of outputs dropped in particle attention blocks while training.
    attention : str, optional
        How attention is computed: ``auto``, ``runs`` or ``padded``. The results agree.
    """

    def __init__(
        self,
        columns: dict[str, EdgeColumns] | None = None,
        embed_dims: list[int] = [128, 512, 128],  # noqa: B006 - never changed
        num_layers: int = 8,
        num_heads: int = 8,
        num_class_layers: int = 2,
        ffn_dim: int | None = None,
        pair_features: list[EdgeFeature] = ["dR", "kT", "z", "mass"],  # noqa: B006 - never changed
        pair_embed_dims: list[int] = [64, 64, 64],  # noqa: B006 - never changed
        pt_to_gev: float = 1e-3,
        activation: Activation = "GELU",
        dropout: float = 0.1,
        attention: Backend = "auto",
    ) -> None:
        super().__init__()
        if not embed_dims or min(embed_dims) < 1:
            raise ConfigError(f"{embed_dims}: give one size or more, each of them 1 or more", "embed_dims")
        if any(size < 1 for size in pair_embed_dims):
            raise ConfigError(f"{pair_embed_dims}: a layer has 1 value or more", "pair_embed_dims")
        size = embed_dims[-1]
        positive(num_heads=num_heads, num_class_layers=num_class_layers)
        if size % num_heads:
            raise ConfigError(f"{num_heads} heads do not divide embed_dims, which end in {size}", "num_heads")
        if attention == "varlen":
            raise ConfigError(
                "'varlen' takes no bias, as pairs give; choose auto, runs or padded", "attention"
            )
        self.columns_of = {"tracks": EdgeColumns()} if columns is None else columns
        self.embed_dims = embed_dims
        self.num_layers = num_layers
        self.num_class_layers = num_class_layers
        self.pair_features = pair_features
        self.pair_embed_dims = pair_embed_dims
        self.pt_to_gev = pt_to_gev
        self.options = BlockOptions(size, num_heads, ffn_dim or 4 * size, activation, attention, dropout)

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name the columns that pair features are computed from."""
        return {stream: columns.names() for stream, columns in self.columns_of.items()}

    def build(self, data: DataFacts) -> Encoded:
        """Make the parameters for the streams of `data`."""
        self._check_streams(data)
        options = self.options
        self.conditions = Conditions(data)
        context = data.size(data.global_object) + self.conditions.size
        self.embeddings = nn.ModuleDict(
            {
                stream: ParticleEmbedding(data.size(stream), context, self.embed_dims, options.activation)
                for stream in data.streams
            }
        )
        with located("pair_features"):
            self.pair_net = EdgeBias(
                self.pair_features, options.num_heads, self.pair_embed_dims, options.activation
            )
        self.layers = nn.ModuleList(ParticleBlock(options) for _ in range(self.num_layers))
        self.class_layers = nn.ModuleList(
            ClassBlock(replace(options, dropout=0.0)) for _ in range(self.num_class_layers)
        )
        self.class_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(options.size), std=0.02))
        self.norm = nn.LayerNorm(options.size)
        return Encoded(pooled=options.size, streams=dict.fromkeys(data.streams, options.size))

    def encode(self, batch: JetBatch) -> Mapping[str, Packed]:
        """Encode the constituents of all streams as one set."""
        token_map = TokenMap({stream: batch.streams[stream].layout for stream in self.embeddings})
        bias = self._bias(batch, token_map)
        x = token_map.merge(self._embed(batch))
        for layer in self.layers:
            x = layer(x, token_map.merged, bias)
        return token_map.part(x)

    def pool(self, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Have a class token for each jet attend to the vectors of all streams, and return it."""
        x = torch.cat([packed.x for packed in streams.values()])
        jet = torch.cat([packed.layout.jet_index for packed in streams.values()])
        token = self.class_token.repeat(batch.num_jets, 1)
        for layer in self.class_layers:
            token = layer(token, x, jet)
        pooled: Tensor = self.norm(token)
        return pooled

    def compiled_parts(self) -> Sequence[nn.Module]:
        """Name the particle attention blocks."""
        return list(self.layers)

    def _embed(self, batch: JetBatch) -> dict[str, Tensor]:
        """Embed constituents into rows (N_s, D) by stream."""
        context = torch.cat([batch.x, self.conditions(batch)], dim=1)
        return {
            stream: cast("ParticleEmbedding", net)(
                batch.streams[stream].x, context, batch.streams[stream].layout
            )
            for stream, net in self.embeddings.items()
        }

    def _bias(self, batch: JetBatch, token_map: TokenMap) -> PairBias:
        """Return the attention bias of all pairs of constituents, of whichever stream."""
        momenta = {
            stream: Momenta.of(batch.raw(stream), own, self.pt_to_gev)
            for stream, own in self.columns_of.items()
        }
        rows = {stream: torch.stack([own.pt, own.eta, own.phi], dim=1) for stream, own in momenta.items()}
        merged = Momenta(*token_map.merge(rows).unbind(1))
        values, pairs = self.pair_net(merged, token_map.merged)
        return PairBias.of(values, pairs, token_map.merged)

    def _check_streams(self, data: DataFacts) -> None:
        """Refuse input streams without columns, and columns of streams that are not there."""
        if not data.streams:
            raise ConfigError("part needs a stream of constituents in data.variables; there is none")
        for stream in data.streams:
            if stream not in self.columns_of:
                raise ConfigError(
                    f"stream {stream!r} of data.variables has none; "
                    f"name them, such as {{{stream}: {{pt: pt, eta: eta, phi: phi}}}}",
                    "columns",
                )
        for stream in self.columns_of:
            if stream not in data.streams:
                raise ConfigError(
                    f"data.variables has no such stream; {suggest(stream, data.streams)}", f"columns.{stream}"
                )

"""DIPS: a net on each constituent, a sum over the jet, a net on the sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from salt_core import DataFacts, Encoded, Encoder, JetBatch, Packed
from salt_core.nn.activations import Activation, activation_of
from salt_core.nn.conditions import Conditions
from salt_core.nn.dense import Dense
from salt_core.nn.embedding import InitNet, stream_embeddings
from salt_core.nn.pooling import Pooling, pooling_of
from salt_core.nn.sizes import positive


class DeepSets(Encoder):
    """Deep sets over each jet's constituents, as in ATLAS's DIPS.

    A net embeds each constituent together with its jet's variables; the embeddings of all streams are
    pooled; a second net maps ``[jet variables, parameters, pooled]`` to the jet's vector. Heads on
    constituents see the embeddings.

    Parameters
    ----------
    init_nets : dict of str to InitNet
        Net of each input stream, which embeds its constituents into `embed_dim`.
    embed_dim : int, optional
        Size of the constituents' embeddings.
    hidden_layers : list of int, optional
        Sizes of the hidden layers of the net on the pooled embeddings.
    out_dim : int, optional
        Size of the jet's vector.
    activation : str, optional
        Activation of the net on the pooled embeddings, and of the embeddings.
    dropout : float, optional
        Share of hidden values of the net on the pooled embeddings dropped while training.
    pooling : str, optional
        How a jet's embeddings become one.
    """

    def __init__(
        self,
        init_nets: dict[str, InitNet],
        embed_dim: int = 128,
        hidden_layers: list[int] | None = None,
        out_dim: int = 128,
        activation: Activation = "ReLU",
        dropout: float = 0.0,
        pooling: Pooling = "sum",
    ) -> None:
        super().__init__()
        positive(embed_dim=embed_dim, out_dim=out_dim)
        self.init_net_options = init_nets
        self.embed_dim = embed_dim
        self.hidden_layers = [128] if hidden_layers is None else hidden_layers
        self.out_dim = out_dim
        self.activation_name: Activation = activation
        self.dropout = dropout
        self.pooling: Pooling = pooling

    def build(self, data: DataFacts) -> Encoded:
        """Make the parameters for the streams of `data`."""
        self.conditions = Conditions(data)
        self.init_nets = stream_embeddings(self.init_net_options, self.embed_dim, data, self.conditions.size)
        self.activation = activation_of(self.activation_name)
        self.pool_net = pooling_of(self.pooling, self.embed_dim)
        self.jet_net = Dense(
            data.size(data.global_object) + self.conditions.size + self.embed_dim,
            self.out_dim,
            self.hidden_layers,
            self.activation_name,
            dropout=self.dropout,
        )
        return Encoded(self.out_dim, dict.fromkeys(data.streams, self.embed_dim))

    def encode(self, batch: JetBatch) -> Mapping[str, Packed]:
        """Embed each stream's constituents."""
        embedded = self.init_nets.embed(batch, self.conditions(batch))
        return {name: Packed(self.activation(x), batch.streams[name].layout) for name, x in embedded.items()}

    def pool(self, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Pool the embeddings of all streams and map them to the jet's vector."""
        pooled = self.pool_net(list(streams.values()))
        vector: Tensor = self.jet_net(torch.cat([batch.x, self.conditions(batch), pooled], dim=1))
        return vector

    def compiled_parts(self) -> Sequence[nn.Module]:
        """Name the net on the pooled embeddings."""
        return [self.jet_net]

"""DL1: a dense net on the jet's own variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from salt_core import ConfigError, DataFacts, Encoded, Encoder, JetBatch, Packed
from salt_core.nn.activations import Activation, activation_of
from salt_core.nn.conditions import Conditions
from salt_core.nn.dense import Dense


class JetNet(Encoder):
    """Dense net on the jet's variables, as in ATLAS's DL1; it reads no constituents.

    Parameters
    ----------
    hidden_layers : list of int
        Sizes of its layers, each followed by the activation. The last one is that of the vector that
        the heads see.
    activation : str, optional
        Activation after each layer.
    dropout : float, optional
        Share of hidden values dropped while training.
    """

    def __init__(
        self, hidden_layers: list[int], activation: Activation = "ReLU", dropout: float = 0.0
    ) -> None:
        super().__init__()
        if not hidden_layers:
            raise ConfigError(
                "there is no layer; give the size of one at least, such as [128]", "hidden_layers"
            )
        self.hidden_layers = hidden_layers
        self.activation_name: Activation = activation
        self.dropout = dropout

    def build(self, data: DataFacts) -> Encoded:
        """Make the parameters for the jet variables of `data`."""
        self.conditions = Conditions(data)
        *before, last = self.hidden_layers
        num_inputs = data.size(data.global_object)
        if num_inputs == 0:
            raise ConfigError(
                f"dense needs variables of {data.global_object} in data.variables; there are none"
            )
        self.net = Dense(
            num_inputs + self.conditions.size, last, before, self.activation_name, dropout=self.dropout
        )
        self.activation = activation_of(self.activation_name)
        return Encoded(last, {})

    def encode(self, batch: JetBatch) -> Mapping[str, Packed]:
        """Give no stream."""
        del batch
        return {}

    def pool(self, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Map the jet's variables and parameters to its vector."""
        del streams
        vector: Tensor = self.activation(self.net(torch.cat([batch.x, self.conditions(batch)], dim=1)))
        return vector

    def compiled_parts(self) -> Sequence[nn.Module]:
        """Name the net."""
        return [self.net]

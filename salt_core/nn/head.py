"""The net of a head, on the jet's vector or on the vectors of one stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from salt_core.data.batch import Packed
from salt_core.errors import ConfigError, suggest
from salt_core.interfaces.encoder import Encoded
from salt_core.nn.activations import Activation
from salt_core.nn.dense import Dense


def stream_size(encoded: Encoded, input_name: str, global_object: str) -> int:
    """Return the vector size of stream `input_name`.

    Raises
    ------
    ConfigError
        Where the encoder gives out no such stream.
    """
    if input_name not in encoded.streams:
        choices = [global_object, *encoded.streams]
        raise ConfigError(
            f"the encoder gives no {input_name!r}; {suggest(input_name, choices)}", "input_name"
        )
    return encoded.streams[input_name]


class Head(nn.Module):
    """A dense net for each jet, or for each constituent of one stream with the jet as its context.

    Parameters
    ----------
    input_name : str
        The global object, or the stream.
    global_object : str
        Name of the object with one row per jet.
    encoded : Encoded
        Sizes of the encoder's vectors.
    output_size : int
        Columns of the result.
    hidden_layers : sequence of int
        Sizes of the hidden layers.
    activation, dropout
        As in `Dense`.
    """

    def __init__(
        self,
        input_name: str,
        global_object: str,
        encoded: Encoded,
        output_size: int,
        hidden_layers: Sequence[int],
        activation: Activation = "ReLU",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.stream = None if input_name == global_object else input_name
        if self.stream is None:
            sizes = (encoded.pooled, 0)
        else:
            sizes = (stream_size(encoded, input_name, global_object), encoded.pooled)
        self.net = Dense(sizes[0], output_size, hidden_layers, activation, sizes[1], dropout)

    def forward(self, pooled: Tensor, streams: Mapping[str, Packed]) -> Tensor:
        """Return (B, output_size) for the jets or (N, output_size) for the stream."""
        if self.stream is None:
            result: Tensor = self.net(pooled)
        else:
            packed = streams[self.stream]
            result = self.net(packed.x, pooled, packed.layout)
        return result

"""A head: the net on the jet's vector or on the vectors of one stream, and what tasks with one loss share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from salt_core.data.batch import JetBatch, Packed
from salt_core.data.facts import DataFacts
from salt_core.errors import ConfigError, located, suggest
from salt_core.interfaces.encoder import Encoded
from salt_core.interfaces.loss import Loss, Target
from salt_core.interfaces.task import Task
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


class LossTask(Task):
    """A task about one object, with one loss and a net with hidden layers.

    Parameters
    ----------
    input_name : str
        What the task is about: the global object, or a stream such as ``tracks``.
    loss : Loss
        The loss.
    hidden_layers : list of int
        Sizes of the hidden layers.
    activation : str, optional
        Activation of the hidden layers.
    weight : float, optional
        Factor of this task's loss in the total.
    """

    def __init__(
        self,
        input_name: str,
        loss: Loss,
        hidden_layers: list[int],
        activation: Activation = "ReLU",
        weight: float = 1.0,
    ) -> None:
        super().__init__(weight)
        self.input_name = input_name
        self.loss_function = loss
        self.hidden_layers = hidden_layers
        self.activation: Activation = activation

    @property
    def can_be_negative(self) -> bool:
        """Whether the loss may fall below 0."""
        return self.loss_function.can_be_negative

    def output_objects(self) -> Sequence[str]:
        """Name the object."""
        return [self.input_name]

    def prepare_loss(self, target: Target, predictions: int | None = None, fitting: str = "") -> int:
        """Build the loss for what the task compares with.

        Parameters
        ----------
        target : Target
            The label.
        predictions : int, optional
            Predictions that the task makes of each target; any number where not given.
        fitting : str, optional
            What a message says of losses that ask for another number.

        Returns
        -------
        int
            Predictions that the loss asks for.

        Raises
        ------
        ConfigError
            Where the loss does not fit the target, or asks for another number of predictions.
        """
        with located("loss"):
            asked = self.loss_function.prepare(target)
            if predictions not in (None, asked):
                raise ConfigError(
                    f"it asks for {asked} predictions per target, this task makes {predictions}; {fitting}"
                )
        return asked


class HeadTask(LossTask):
    """A task with one net on jets, or on the constituents of one stream, and one loss.

    Parameters
    ----------
    input_name, loss, hidden_layers, activation, weight
        As in `LossTask`.
    dropout : float, optional
        Share of hidden values dropped while training.
    """

    def __init__(
        self,
        input_name: str,
        loss: Loss,
        hidden_layers: list[int],
        activation: Activation = "ReLU",
        dropout: float = 0.0,
        weight: float = 1.0,
    ) -> None:
        super().__init__(input_name, loss, hidden_layers, activation, weight)
        self.dropout = dropout

    def make_head(self, encoded: Encoded, data: DataFacts, size: int) -> None:
        """Make the net for `size` predictions of each entry."""
        self.head = Head(
            self.input_name,
            data.global_object,
            encoded,
            size,
            self.hidden_layers,
            self.activation,
            self.dropout,
        )

    def forward(self, pooled: Tensor, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Return what the net predicts, (B, size) for jets or (N, size) for constituents."""
        del batch
        predictions: Tensor = self.head(pooled, streams)
        return predictions

"""Initial nets: the first vector of each constituent, or of the jet, from its input variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from salt_core.data.batch import JetBatch
from salt_core.data.facts import DataFacts
from salt_core.errors import ConfigError, refused
from salt_core.nn.activations import Activation
from salt_core.nn.dense import Dense
from salt_core.nn.positions import PositionalEncoder, PositionalEncoding

#: The initial net of that name embeds the jet's own variables.
GLOBAL = "global"


@dataclass(frozen=True)
class InitNet:
    """Initial net of one stream.

    Parameters
    ----------
    hidden_layers : list of int
        Sizes of its hidden layers.
    activation : str
        Activation between its layers.
    attach_global : bool
        Whether each constituent is embedded together with its jet's variables.
    pos_enc : PositionalEncoding, optional
        Variables whose sines and cosines are inputs too.
    """

    hidden_layers: list[int] = field(default_factory=list)
    activation: Activation = "ReLU"
    attach_global: bool = True
    pos_enc: PositionalEncoding | None = None


class Embedding(Dense):
    """The initial net of one object.

    Its input is ``[jet variables, conditions, own variables, their sines and cosines]``; for the jet
    itself, ``[conditions, own variables, ...]``.

    Parameters
    ----------
    name : str
        The stream, or the global object.
    options : InitNet
        Choices of the net.
    output_size : int
        Size D of the vectors.
    data : DataFacts
        The input variables.
    num_conditions : int, optional
        Conditions P of a jet that are joined to the input.
    """

    def __init__(
        self, name: str, options: InitNet, output_size: int, data: DataFacts, num_conditions: int = 0
    ) -> None:
        positions = None
        if options.pos_enc is not None:
            with refused("pos_enc"):
                positions = PositionalEncoder(options.pos_enc, data.variables.get(name, ()))
        own = data.size(name) + (positions.size if positions else 0)
        is_jet = name == data.global_object
        attach_jet = options.attach_global and not is_jet
        context = num_conditions + (data.size(data.global_object) if attach_jet else 0)
        super().__init__(
            own + (context if is_jet else 0),
            output_size,
            options.hidden_layers,
            options.activation,
            context_size=0 if is_jet else context,
        )
        self.stream = None if is_jet else name
        self.attach_jet = attach_jet
        self.positions = positions

    def embed(self, batch: JetBatch, conditions: Tensor) -> Tensor:
        """Embed the object's rows.

        Parameters
        ----------
        batch : JetBatch
            The normalised batch.
        conditions : Tensor
            Shape (B, P).

        Returns
        -------
        Tensor
            Shape (N, D) for a stream, (B, D) for the jet.
        """
        rows = batch.x if self.stream is None else batch.streams[self.stream].x
        if self.positions is not None:
            rows = self.positions(rows)
        if self.stream is None:
            vectors: Tensor = self(torch.cat([conditions, rows], dim=1))
        else:
            context = torch.cat([batch.x, conditions], dim=1) if self.attach_jet else conditions
            vectors = self(rows, context, batch.streams[self.stream].layout)
        return vectors


class StreamEmbeddings(nn.ModuleDict):
    """The initial net of each stream, by its name."""

    def embed(self, batch: JetBatch, conditions: Tensor) -> dict[str, Tensor]:
        """Embed the constituents of each stream into rows (N_s, D), given conditions (B, P)."""
        return {name: cast("Embedding", net).embed(batch, conditions) for name, net in self.items()}


def stream_embeddings(
    options: Mapping[str, InitNet], output_size: int, data: DataFacts, num_conditions: int = 0
) -> StreamEmbeddings:
    """Make the initial net of each stream of the data; a net of a removed stream is left unused.

    Raises
    ------
    ConfigError
        Where there is no stream, or one without a net.
    """
    if not data.streams:
        raise ConfigError("the encoder needs a stream of constituents in data.variables; there is none")
    for stream in data.streams:
        if stream not in options:
            raise ConfigError(
                f"stream {stream!r} of data.variables has no initial net; "
                f"add it, such as {{{stream}: {{hidden_layers: [256]}}}}",
                "init_nets",
            )
    nets = {}
    for stream in data.streams:
        with refused(f"init_nets.{stream}"):
            nets[stream] = Embedding(stream, options[stream], output_size, data, num_conditions)
    return StreamEmbeddings(nets)


def jet_embedding(
    options: Mapping[str, InitNet], output_size: int, data: DataFacts, num_conditions: int = 0
) -> Embedding | None:
    """Make the initial net `GLOBAL` of the jet's own variables, where the options name it.

    Raises
    ------
    ConfigError
        Where the jet has no variables.
    """
    if GLOBAL not in options or GLOBAL in data.streams:
        return None
    with refused(f"init_nets.{GLOBAL}"):
        if data.size(data.global_object) == 0:
            raise ConfigError(f"data.variables has no variables of {data.global_object}")
        return Embedding(data.global_object, options[GLOBAL], output_size, data, num_conditions)

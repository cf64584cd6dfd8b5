"""The encoder's side of the contract: a batch in, vectors per constituent and per jet out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from salt_core.data.batch import JetBatch, Packed
from salt_core.data.facts import DataFacts
from salt_core.errors import ConfigError


@dataclass(frozen=True)
class Encoded:
    """What an encoder gives out, known once it is built.

    Parameters
    ----------
    pooled : int
        Size D of the jet's vector.
    streams : mapping of str to int
        Vector size of each stream of constituents; empty for an encoder of jet variables alone.
    """

    pooled: int
    streams: Mapping[str, int]


class Encoder(nn.Module, ABC):
    """Turns a `JetBatch` into vectors per constituent and one vector per jet.

    The ``__init__`` of a subclass takes choices only; its parameters are made in `build`. A processor
    evaluates pieces of a batch in threads side by side, so `encode` and `pool` keep nothing in ``self`` then.
    """

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name the raw columns needed beyond ``data.variables``, by object.

        Returns
        -------
        mapping of str to sequence of str
            They arrive un-normalised in ``batch.raw(object)``.
        """
        return {}

    @abstractmethod
    def build(self, data: DataFacts) -> Encoded:
        """Make the parameters; called once, seeded, before any checkpoint is loaded.

        Parameters
        ----------
        data : DataFacts
            Streams, variables and sizes of the input.
        """

    @abstractmethod
    def encode(self, batch: JetBatch) -> Mapping[str, Packed]:
        """Encode the constituents of each stream.

        Returns
        -------
        mapping of str to Packed
            Vectors (N, D) per stream, rows in the order of the batch's own stream.
        """

    @abstractmethod
    def pool(self, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Reduce the encoded streams to one vector per jet.

        Returns
        -------
        Tensor
            Shape (B, D), jets in the order of the batch.
        """

    def compiled_parts(self) -> Sequence[nn.Module]:
        """Name the submodules that ``--compile`` compiles, once they are built.

        Their shapes may change from call to call in the number of rows only. The default names none.
        """
        return ()

    def pad_to_buckets(self) -> None:
        """From now on, give the compiled parts few different numbers of rows, for ``--compile graphs``.

        Rows that belong to no jet fill up what is missing; what the encoder gives out stays the same. The
        default refuses.

        Raises
        ------
        ConfigError
            Where the encoder, or one with these options, cannot do so.
        """
        raise ConfigError(
            "its compiled parts see another number of rows in each batch, and a CUDA graph would be recorded "
            "for each; give --compile without graphs"
        )

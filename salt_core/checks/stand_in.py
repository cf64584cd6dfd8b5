"""A plugin that takes the place of an encoder which cannot be made, so that all else can be looked at."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from salt_core import DataFacts, Encoded, Encoder, JetBatch, Packed, hookimpl

NAME = "stand_in"


class StandIn(Encoder):
    """Gives out vectors of size 1."""

    def build(self, data: DataFacts) -> Encoded:
        """Tell the sizes."""
        return Encoded(1, dict.fromkeys(data.streams, 1))

    def encode(self, batch: JetBatch) -> Mapping[str, Packed]:
        """Return zeros for each constituent."""
        return {
            name: packed.with_x(packed.x.new_zeros(len(packed.x), 1))
            for name, packed in batch.streams.items()
        }

    def pool(self, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Return a zero for each jet."""
        del streams
        return batch.x.new_zeros(batch.num_jets, 1)


@hookimpl
def salt_encoders() -> dict[str, type]:
    """Offer the encoder."""
    return {NAME: StandIn}

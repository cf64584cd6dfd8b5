"""Which constituents of a jet come from the same vertex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from salt_core import ConfigError, DataError, DataFacts, Encoded, JetBatch, Loss, Packed, Target
from salt_core.distributed import ratio_over_ranks
from salt_core.nn.activations import Activation
from salt_core.nn.dense import Dense
from salt_core.nn.entries import where_found
from salt_core.nn.head import LossTask, stream_size
from salt_plugins.tasks.vertexing.components import vertices_of
from salt_plugins.tasks.vertexing.pairs import PairNet, both

HEAVY_FLAVOUR_ORIGINS = (3, 4, 5)
FAKE_ORIGIN = 1


class Vertexing(LossTask):
    """Scores every ordered pair of constituents of a jet for a common vertex.

    A pair's target is 1 where both have the same vertex index and neither index is negative. Pairs
    from heavy-flavour decays count twice and pairs of fakes not at all: the weight is
    ``1 + (w_i & w_j)`` with ``w = [origin in {3, 4, 5}] - [origin == 1]``. The loss is the weighted
    sum over all pairs divided by the number of pairs whose target is 1.

    Parameters
    ----------
    input_name : str
        The stream, such as ``tracks``.
    label : str
        Column of vertex indices.
    origin_label : str
        Column of origins, for the weights of the pairs.
    loss : Loss
        Compares logits (M,) with targets of 0 or 1 (M,); one value per pair.
    hidden_layers : list of int
        Sizes of the hidden layers.
    activation : str, optional
        Activation of the hidden layers.
    weight : float, optional
        Factor of this task's loss in the total.
    recompute : bool, optional
        Whether hidden vectors of pairs are computed again going backward instead of kept: long jets take less
        memory and more time. ``--compile`` does so in any case.
    """

    def __init__(
        self,
        input_name: str,
        label: str,
        origin_label: str,
        loss: Loss,
        hidden_layers: list[int],
        activation: Activation = "ReLU",
        weight: float = 1.0,
        recompute: bool = False,
    ) -> None:
        super().__init__(input_name, loss, hidden_layers, activation, weight)
        self.label = label
        self.origin_label = origin_label
        self.recompute = recompute

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name vertex index and origin."""
        return {self.input_name: [self.label, self.origin_label]}

    def build(self, encoded: Encoded, data: DataFacts) -> None:
        """Make the pair net."""
        size = stream_size(encoded, self.input_name, data.global_object)
        label = f"{self.input_name}/{self.label}"
        self.prepare_loss(Target(label, kind="flags"), 1, "binary_cross_entropy is one that takes one")
        net = Dense(2 * size, 1, self.hidden_layers, self.activation, context_size=encoded.pooled)
        self.head = PairNet(net, self.recompute)

    def compiled_parts(self) -> Sequence[nn.Module]:
        """Name the pair net."""
        return [self.head]

    def forward(self, pooled: Tensor, streams: Mapping[str, Packed], batch: JetBatch) -> Tensor:
        """Return a logit for each ordered pair (i, j), i != j, row-major, jet by jet in run order."""
        del batch
        logits: Tensor = self.head(streams[self.input_name], pooled)
        return logits

    def loss(self, predictions: Tensor, batch: JetBatch) -> Tensor:
        """Return the weighted sum over the pairs by the number of true pairs."""
        runs = batch.runs(self.input_name)
        columns = batch.raw(self.input_name)
        vertex = columns[self.label]
        same = both(vertex, runs, lambda a, b: (a == b) & (a >= 0))
        weight = 1 + both(self._pair_flag(columns[self.origin_label]), runs, torch.bitwise_and)
        values: Tensor = self.loss_function(predictions, same)
        if values.ndim == 0:
            raise ConfigError("vertexing weights its pairs, so its loss must give one value per pair", "loss")
        true_pairs = same.sum().to(values.dtype)
        return ratio_over_ranks((values * weight).sum(), true_pairs)

    def outputs(self, predictions: Tensor, batch: JetBatch) -> Mapping[str, Mapping[str, Tensor]]:
        """Give the vertex that each constituent is put into: connected pairs of a score above 0.5."""
        layout = batch.streams[self.input_name].layout
        return {self.input_name: {"VertexIndex": vertices_of(predictions, layout)}}

    def check(self, batch: JetBatch) -> None:
        """Refuse vertices and origins that are not finite."""
        for column in (self.label, self.origin_label):
            values = batch.raw(self.input_name)[column]
            bad = ~torch.isfinite(values)
            if bad.any():
                raise DataError(
                    f"label {self.input_name}/{column} holds {values[bad][0].item():g} "
                    f"({where_found(bad, batch, self.input_name)}); allowed: finite numbers"
                )

    @staticmethod
    def _pair_flag(origin: Tensor) -> Tensor:
        heavy = torch.stack([origin == value for value in HEAVY_FLAVOUR_ORIGINS]).any(0)
        return heavy.long() - (origin == FAKE_ORIGIN).long()

"""Which of several things are true of a jet or of each of its constituents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from salt_core import ConfigError, DataError, DataFacts, Encoded, JetBatch, Loss, Target
from salt_core.nn.activations import Activation
from salt_core.nn.entries import Entries, loss_of_entries, where_found
from salt_core.nn.head import HeadTask

UNKNOWN = (-1, -2)


class Flags(HeadTask):
    """Predicts several flags of jets, or of the constituents of one stream, any of which may be true together.

    The loss is the mean over all flags that are known; -1 and -2 stand for one that is not. Written is the
    probability of each flag, ``p`` before its name.

    Parameters
    ----------
    input_name : str
        What has the flags: the global object, or a stream such as ``tracks``.
    labels : list of str
        Columns of 0 and 1, or false and true.
    loss : Loss
        Compares logits (M,) with flags (M,), such as ``binary_cross_entropy``.
    hidden_layers : list of int
        Sizes of the hidden layers.
    activation : str, optional
        Activation of the hidden layers.
    dropout : float, optional
        Share of hidden values dropped while training.
    weight : float, optional
        Factor of this task's loss in the total.
    """

    def __init__(
        self,
        input_name: str,
        labels: list[str],
        loss: Loss,
        hidden_layers: list[int],
        activation: Activation = "ReLU",
        dropout: float = 0.0,
        weight: float = 1.0,
    ) -> None:
        super().__init__(input_name, loss, hidden_layers, activation, dropout, weight)
        if not labels or len(set(labels)) < len(labels):
            raise ConfigError(f"{labels}: name one column or more, each once", "labels")
        self.labels = labels

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Name the labels."""
        return {self.input_name: self.labels}

    def build(self, encoded: Encoded, data: DataFacts) -> None:
        """Make the net, with one logit for each flag."""
        label = f"{self.input_name}/{', '.join(self.labels)}"
        self.prepare_loss(Target(label, kind="flags"), 1, "binary_cross_entropy is one that takes one")
        self.make_head(encoded, data, len(self.labels))

    def loss(self, predictions: Tensor, batch: JetBatch) -> Tensor:
        """Return the mean loss over all flags that are known."""
        columns = batch.on_host().raw(self.input_name)
        flags = torch.stack([columns[label].long() for label in self.labels], -1)
        known = Entries.of(flags >= 0)
        found = known.of_predictions(predictions, flags.ndim)
        return loss_of_entries(self.loss_function(found, known.of_values(flags, predictions.device)), None)

    def outputs(self, predictions: Tensor, batch: JetBatch) -> Mapping[str, Mapping[str, Tensor]]:
        """Give the probability of each flag."""
        del batch
        shares = self.loss_function.probabilities(predictions.unsqueeze(-1))[..., 1].unbind(-1)
        return {
            self.input_name: {f"p{label}": share for label, share in zip(self.labels, shares, strict=True)}
        }

    def check(self, batch: JetBatch) -> None:
        """Refuse labels that are no flags."""
        for label in self.labels:
            values = batch.raw(self.input_name)[label]
            bad = ~torch.isin(values.float(), torch.tensor([0.0, 1.0, *map(float, UNKNOWN)]))
            if bad.any():
                raise DataError(
                    f"label {self.input_name}/{label} holds {values[bad][0].item():g} "
                    f"({where_found(bad, batch, self.input_name)}); allowed: 0 and 1, and -1 or -2 for entries "
                    "of which it is not known"
                )

"""The augmentation's side of the contract: a normalised batch in, another one to train on out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn

from salt_core.data.batch import JetBatch
from salt_core.data.facts import DataFacts


class Augmentation(nn.Module, ABC):
    """Changes the batches that are trained on. The ``__init__`` of a subclass takes choices only.

    What it keeps as tensors belongs into buffers with ``persistent=False``: it is no part of the trained model.
    """

    @abstractmethod
    def build(self, data: DataFacts) -> None:
        """Take what follows from the data; called once, after the encoder's and the tasks' `build`.

        Parameters
        ----------
        data : DataFacts
            Streams, variables and their normalisation.
        """

    @abstractmethod
    def forward(self, batch: JetBatch) -> JetBatch:
        """Return the batch to train on, which encoder, tasks and losses see.

        Called in training steps only, on the batch's device. Random numbers have to come from torch's
        default generators, which are seeded for each step, so that a resumed training draws the same.

        Parameters
        ----------
        batch : JetBatch
            Normalised features; raw columns as they stand in the file. It must not be changed in place.
        """

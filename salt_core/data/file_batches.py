"""Contiguous batches of HDF5 files, in an order that seed, epoch and rank fix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from salt_core.data.assemble import batch_of
from salt_core.data.batch import JetBatch
from salt_core.data.files import names_of
from salt_core.data.order import Rows, evaluation_pieces, training_pieces
from salt_core.data.rows import JetFiles
from salt_core.data.workers import follow_parent, sheltered
from salt_core.errors import SaltError
from salt_core.interfaces.dataloader import LoadRequest, Position


class FileBatches:
    """A sized, resumable iterable of the batches of one sample.

    Training batches are contiguous pieces of the sample, in the order of a permutation drawn from
    seed and epoch; ranks take turns in it and get equal numbers. Otherwise all jets come in file
    order, from the first one at each pass.

    Parameters
    ----------
    request : LoadRequest
        What to read.

    Raises
    ------
    ConfigError
        Where there are too few jets for the ranks.
    """

    def __init__(self, request: LoadRequest) -> None:
        self.request = request
        self.files = JetFiles(request.files, request.selection, request.where)
        num_jets = request.jets_for_ranks(self.files.num_jets, names_of(request.files))
        cut = training_pieces if request.training else evaluation_pieces
        self._pieces = cut(num_jets, request.batch_size, request.world_size)
        self._next = Position(0, 0)

    def __len__(self) -> int:
        """Batches in one epoch on this rank."""
        return len(self._pieces) // self.request.world_size

    def __iter__(self) -> Iterator[JetBatch]:
        """Yield the batches of the epoch that is due.

        Raises
        ------
        DataError
            Where a file holds something that cannot be used.
        """
        position = self._position() if self.request.training else Position(0, 0)
        order = self.order(position.epoch)[position.batch :]
        for done, batch in enumerate(self._batches(order), start=position.batch + 1):
            if isinstance(batch, SaltError):
                raise batch
            # Now, before the batch is given: who takes the last one may never ask for another.
            whole = done == len(self)
            self._next = Position(position.epoch + 1, 0) if whole else Position(position.epoch, done)
            if whole:
                self.files.close()
            yield batch

    def order(self, epoch: int) -> list[Rows]:
        """Return this rank's batches of `epoch` in their order, as first and last row."""
        ranks, rank = self.request.world_size, self.request.rank
        if not self.request.training or self.request.shuffle == "none":
            return self._pieces[rank::ranks]
        order = np.random.default_rng((self.request.seed, epoch)).permutation(len(self._pieces))
        return [self._pieces[i] for i in order[rank::ranks]]

    def state_dict(self) -> dict[str, Any]:
        """Tell the position."""
        position = self._position()
        return {"epoch": position.epoch, "batch": position.batch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the position of `state`."""
        self._next = Position(state["epoch"], state["batch"])

    def _position(self) -> Position:
        return self.request.position() if self.request.position else self._next

    def _batches(self, order: list[Rows]) -> Iterator[JetBatch | SaltError]:
        """Read the batches, in worker processes where wanted."""
        loader: DataLoader[Any] = DataLoader(
            SampleRows(self.files),
            sampler=order,
            batch_size=None,
            num_workers=self.request.num_workers,
            worker_init_fn=follow_parent,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if self.request.num_workers else None,
        )
        with sheltered():
            return iter(loader)


class SampleRows(Dataset[JetBatch | SaltError]):
    """Batches by their rows.

    It knows nothing of the trainer, for it is sent to worker processes.

    Parameters
    ----------
    files : JetFiles
        The sample.
    """

    def __init__(self, files: JetFiles) -> None:
        self.files = files

    def __getitem__(self, rows: Rows) -> JetBatch | SaltError:
        """Read one batch; an error is returned, for the training process to raise as it is."""
        try:
            return batch_of(self.files.read(*rows), self.files.selection, self.files.places)
        except SaltError as error:
            return error

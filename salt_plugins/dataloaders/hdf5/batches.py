"""Contiguous batches of one HDF5 file, in an order that seed, epoch and rank fix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from salt_core import JetBatch, SaltError
from salt_core.data.hdf5 import JetReader, check_columns, open_file
from salt_core.interfaces.dataloader import LoadRequest, Position

Rows = tuple[int, int]


class Hdf5Batches:
    """A sized, resumable iterable of the batches of one file.

    Training batches come in the order of a permutation of all whole batches, drawn from seed and
    epoch; ranks take turns in it and get equal numbers. Otherwise the batches come in file order,
    the last one partial.

    Parameters
    ----------
    request : LoadRequest
        What to read.
    """

    def __init__(self, request: LoadRequest) -> None:
        self.request = request
        with open_file(request.file) as file:
            available = check_columns(file, request.selection)
        num_jets = available if request.num_jets < 0 else min(request.num_jets, available)
        size = min(request.batch_size, num_jets)
        starts = range(0, num_jets - size + 1 if request.shuffle else num_jets, size)
        self._rows: list[Rows] = [(start, min(start + size, num_jets)) for start in starts]
        self._next = Position(0, 0)
        self._loader: DataLoader[Any] | None = None

    def __len__(self) -> int:
        """Batches in one epoch on this rank."""
        total, ranks = len(self._rows), self.request.world_size
        return total // ranks if self.request.shuffle else len(range(self.request.rank, total, ranks))

    def __iter__(self) -> Iterator[JetBatch]:
        """Yield the batches of the epoch that is due.

        Raises
        ------
        DataError
            Where the file holds something that cannot be used.
        """
        position = self.request.position() if self.request.position else self._next
        order = self.order(position.epoch)[position.batch :]
        for done, batch in enumerate(self._batches(order), start=position.batch + 1):
            if isinstance(batch, SaltError):
                raise batch
            self._next = Position(position.epoch, done)
            yield batch
        self._next = Position(position.epoch + 1, 0)

    def order(self, epoch: int) -> list[Rows]:
        """Return this rank's batches of `epoch` in their order, as first and last row."""
        ranks, rank = self.request.world_size, self.request.rank
        if not self.request.shuffle:
            return self._rows[rank::ranks]
        order = np.random.default_rng((self.request.seed, epoch)).permutation(len(self._rows))
        return [self._rows[i] for i in order[rank::ranks][: len(self)]]

    def state_dict(self) -> dict[str, Any]:
        """Tell the position."""
        position = self.request.position() if self.request.position else self._next
        return {"epoch": position.epoch, "batch": position.batch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the position of `state`."""
        self._next = Position(state["epoch"], state["batch"])

    def _batches(self, order: list[Rows]) -> Iterator[JetBatch | SaltError]:
        """Read the batches, in worker processes where wanted."""
        loader: DataLoader[Any] = DataLoader(
            FileRows(self.request),
            sampler=order,  # type: ignore[arg-type]
            batch_size=None,
            num_workers=self.request.num_workers,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if self.request.num_workers else None,
        )
        return iter(loader)


class FileRows(Dataset[JetBatch | SaltError]):
    """Batches by their rows; each process opens the file for itself.

    Parameters
    ----------
    request : LoadRequest
        What to read.
    """

    def __init__(self, request: LoadRequest) -> None:
        self.request = request
        self._reader: JetReader | None = None
        self._owner = -1

    def __getitem__(self, rows: Rows) -> JetBatch | SaltError:
        """Read one batch; an error is returned, for the training process to raise as it is."""
        try:
            return self._open().read(*rows)
        except SaltError as error:
            return error

    def _open(self) -> JetReader:
        if self._reader is None or self._owner != os.getpid():
            self._reader = JetReader(open_file(self.request.file), self.request.selection)
            self._owner = os.getpid()
        return self._reader

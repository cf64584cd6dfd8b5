"""Contiguous batches of one HDF5 file, in an order that seed, epoch and rank fix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from salt_core import ConfigError, JetBatch, SaltError
from salt_core.data.hdf5 import JetReader, check_columns, open_file
from salt_core.interfaces.dataloader import LoadRequest, Position, Selection

Rows = tuple[int, int]


class Hdf5Batches:
    """A sized, resumable iterable of the batches of one file.

    Training batches come in the order of a permutation of all whole batches, drawn from seed and
    epoch; ranks take turns in it and get equal numbers. Otherwise all jets come in file order, from
    the first one at each pass.

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
        self._rows = self._training_rows(num_jets) if request.shuffle else self._evaluation_rows(num_jets)
        self._next = Position(0, 0)
        if not len(self) or num_jets < request.world_size:
            raise ConfigError(
                f"the {num_jets} jets of {request.file} make {len(self._rows)} batches of {request.batch_size}: "
                f"too few for {request.world_size} devices",
                "data.batch_size",
            )

    def __len__(self) -> int:
        """Batches in one epoch on this rank."""
        return len(self._rows) // self.request.world_size

    def __iter__(self) -> Iterator[JetBatch]:
        """Yield the batches of the epoch that is due.

        Raises
        ------
        DataError
            Where the file holds something that cannot be used.
        """
        position = self._position() if self.request.shuffle else Position(0, 0)
        order = self.order(position.epoch)[position.batch :]
        for done, batch in enumerate(self._batches(order), start=position.batch + 1):
            if isinstance(batch, SaltError):
                raise batch
            # Set before the batch is given: who takes the last one may never ask for another.
            whole = done == len(self)
            self._next = Position(position.epoch + 1, 0) if whole else Position(position.epoch, done)
            yield batch

    def order(self, epoch: int) -> list[Rows]:
        """Return this rank's batches of `epoch` in their order, as first and last row."""
        ranks, rank = self.request.world_size, self.request.rank
        if not self.request.shuffle:
            return self._rows[rank::ranks]
        order = np.random.default_rng((self.request.seed, epoch)).permutation(len(self._rows))
        return [self._rows[i] for i in order[rank::ranks][: len(self)]]

    def state_dict(self) -> dict[str, Any]:
        """Tell the position."""
        position = self._position()
        return {"epoch": position.epoch, "batch": position.batch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the position of `state`."""
        self._next = Position(state["epoch"], state["batch"])

    def _position(self) -> Position:
        return self.request.position() if self.request.position else self._next

    def _training_rows(self, num_jets: int) -> list[Rows]:
        """Cut the file into whole batches; a sample smaller than one batch is one."""
        size = min(self.request.batch_size, num_jets)
        return [(start, start + size) for start in range(0, num_jets - size + 1, size)]

    def _evaluation_rows(self, num_jets: int) -> list[Rows]:
        """Cut all jets into batches, equally many for each rank: a rank with more would wait for the others."""
        size, ranks = self.request.batch_size, self.request.world_size
        if ranks == 1:
            return [(start, min(start + size, num_jets)) for start in range(0, num_jets, size)]
        batches = ranks * max(min(-(-num_jets // (size * ranks)), num_jets // ranks), 1)
        edges = [num_jets * i // batches for i in range(batches + 1)]
        return list(pairwise(edges))

    def _batches(self, order: list[Rows]) -> Iterator[JetBatch | SaltError]:
        """Read the batches, in worker processes where wanted."""
        loader: DataLoader[Any] = DataLoader(
            FileRows(self.request.file, self.request.selection),
            sampler=order,
            batch_size=None,
            num_workers=self.request.num_workers,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if self.request.num_workers else None,
        )
        return iter(loader)


class FileRows(Dataset[JetBatch | SaltError]):
    """Batches by their rows; each process opens the file for itself.

    It knows nothing of the trainer, for it is sent to worker processes.

    Parameters
    ----------
    file : Path
        The HDF5 file.
    selection : Selection
        Which columns to read.
    """

    def __init__(self, file: Path, selection: Selection) -> None:
        self.file = file
        self.selection = selection
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
            self._reader = JetReader(open_file(self.file), self.selection)
            self._owner = os.getpid()
        return self._reader

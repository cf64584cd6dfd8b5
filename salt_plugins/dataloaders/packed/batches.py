"""Batches gathered from a store, a few of them ahead."""

from __future__ import annotations

import logging
import mmap
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from salt_core import JetBatch
from salt_core.data.order import evaluation_pieces
from salt_core.interfaces.dataloader import LoadRequest, Position, Shuffle
from salt_core.limits import usable_memory
from salt_core.sizes import readable
from salt_plugins.dataloaders.packed.order import EpochOrder, share_of, step_starts
from salt_plugins.dataloaders.packed.store import PackedStore

Array = NDArray[Any]

log = logging.getLogger("salt.packed")

#: Batches that are gathered before they are asked for.
AHEAD = 3

#: Bytes of neighbouring jets that are read together where the store does not fit in memory.
BLOCK_BYTES = 2**22

#: Share of the memory for one window of blocks: the next one is read beside it, and the last may linger.
WINDOW_SHARE = 1 / 4


class PackedBatches:
    """A sized, resumable iterable of the batches of one store.

    Parameters
    ----------
    store : PackedStore
        The open store.
    request : LoadRequest
        Which of its jets, in which order, for which rank.

    Raises
    ------
    ConfigError
        Where there are too few jets for the ranks.
    """

    def __init__(self, store: PackedStore, request: LoadRequest) -> None:
        self.store = store
        self.request = request
        num_jets = request.jets_for_ranks(store.num_jets, str(store.folder))
        self._next = Position(0, 0)
        self._pieces = evaluation_pieces(num_jets, request.batch_size, request.world_size)
        self._steps = step_starts(num_jets, request.batch_size, request.world_size)
        self._order = self._chosen_order(num_jets) if request.training else None

    def __len__(self) -> int:
        """Batches in one epoch on this rank."""
        if self._order is None:
            return len(self._pieces) // self.request.world_size
        return len(self._steps) - 1

    def __iter__(self) -> Iterator[JetBatch]:
        """Yield the batches of the epoch that is due."""
        position = self._position() if self._order else Position(0, 0)
        waiting: deque[Future[JetBatch]] = deque()
        steps = iter(range(position.batch, len(self)))
        with ThreadPoolExecutor(1, thread_name_prefix="packed") as pool:
            try:
                for done in range(position.batch + 1, len(self) + 1):
                    while len(waiting) < AHEAD and (step := next(steps, None)) is not None:
                        waiting.append(pool.submit(self._batch, position.epoch, step))
                    batch = waiting.popleft().result()
                    # Now, before the batch is given: who takes the last one may never ask for another.
                    whole = done == len(self)
                    self._next = Position(position.epoch + 1, 0) if whole else Position(position.epoch, done)
                    yield batch
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def jets(self, epoch: int, step: int) -> Array:
        """Return the rows of this rank's jets in one step of an epoch."""
        rank, ranks = self.request.rank, self.request.world_size
        if self._order is None:
            return np.arange(*self._pieces[step * ranks + rank])
        found = self._order.jets(epoch, *map(int, self._steps[step : step + 2]))
        return share_of(rank, ranks, found, self.store.lengths(found)) if ranks > 1 else found

    def state_dict(self) -> dict[str, Any]:
        """Tell the position."""
        position = self._position()
        return {"epoch": position.epoch, "batch": position.batch, "order": self._order and self._order.kind}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the position of `state`, in its order, which may be that of a machine with other memory."""
        self._next = Position(state["epoch"], state["batch"])
        if self._order is not None and state.get("order"):
            self._order = EpochOrder(self._order.num_jets, seed=self.request.seed, **state["order"])

    def _position(self) -> Position:
        return self.request.position() if self.request.position else self._next

    def _batch(self, epoch: int, step: int) -> JetBatch:
        if self._order is not None and self._order.shuffle == "blocks":
            self._read_ahead(self._order, epoch, step)
        batch = self.store.batch(self.jets(epoch, step))
        return batch.pin_memory() if torch.cuda.is_available() else batch

    def _read_ahead(self, order: EpochOrder, epoch: int, step: int) -> None:
        """On entering a window, have the next one read and let go of the one before."""
        place = int(self._steps[step])
        window = order.window_at(epoch, place)
        before = order.window_at(epoch, int(self._steps[step - 1])) if step else -1
        if window == before:
            return
        for soon in (window, window + 1) if before < 0 else (window + 1,):
            if soon < order.num_windows:
                self.store.advise(order.blocks_of(epoch, soon), mmap.MADV_WILLNEED)
        for done in range(max(before - 1, 0), window - 1):
            self.store.advise(order.blocks_of(epoch, done), mmap.MADV_DONTNEED)

    def _chosen_order(self, num_jets: int) -> EpochOrder:
        size = self.store.manifest.bytes
        memory = self.request.max_memory or usable_memory() // 2
        shuffle: Shuffle = self.request.shuffle or ("full" if size <= memory else "blocks")
        width = max(size // max(self.store.num_jets, 1), 1)
        block = max(BLOCK_BYTES // width, 1)
        window = max(int(memory * WINDOW_SHARE) // (block * width), 1)
        if self.request.rank == 0:
            log.info("%s", self._said(shuffle, size, memory, block * window))
        return EpochOrder(num_jets, shuffle, self.request.seed, block, window)

    def _said(self, shuffle: Shuffle, size: int, memory: int, together: int) -> str:
        store = (
            f"{self.store.num_jets:,} packed jets have {readable(size)}, loading may take {readable(memory)}"
        )
        how = {
            "full": "all jets are shuffled in each epoch",
            "blocks": f"blocks of jets are shuffled in each epoch, and about {together:,} jets among themselves",
            "none": "jets come in the order of the files",
        }
        return f"{store}: {how[shuffle]} (data.shuffle: {shuffle})"

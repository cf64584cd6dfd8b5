"""Which jets make which batch: shuffled over all jets or in blocks, and dealt out to ranks."""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from salt_core.data.batch import by_length
from salt_core.interfaces.dataloader import Shuffle

Array = NDArray[Any]


class EpochOrder:
    """The order of jets in an epoch, a function of seed and epoch alone.

    Parameters
    ----------
    num_jets : int
        Jets J.
    shuffle : str
        ``full``: a permutation of all jets. ``blocks``: blocks of jets that lie side by side come in a
        permutation, and the jets of `window` blocks are permuted among themselves, so that a window is
        all that has to be in memory at a time. ``none``: the order of the store.
    seed : int
        Of the permutations.
    block : int, optional
        Jets in a block.
    window : int, optional
        Blocks in a window.
    """

    def __init__(self, num_jets: int, shuffle: Shuffle, seed: int, block: int = 1, window: int = 1) -> None:
        self.num_jets = num_jets
        self.shuffle = shuffle
        self.seed = seed
        self.block = block
        self.window = window
        # A batch may lie in two windows; the next one is asked for while this one is in use.
        self._window = lru_cache(maxsize=3)(self._make_window)
        self._permutation = lru_cache(maxsize=1)(self._make_permutation)
        self._blocks = lru_cache(maxsize=2)(self._make_blocks)
        self._window_starts = lru_cache(maxsize=2)(self._make_window_starts)

    @property
    def kind(self) -> dict[str, Any]:
        """What tells it from other orders of the same jets and seed, for a checkpoint."""
        return {"shuffle": self.shuffle, "block": self.block, "window": self.window}

    @property
    def num_blocks(self) -> int:
        """Blocks in the store; the last one may be short."""
        return ceil(self.num_jets / self.block)

    @property
    def num_windows(self) -> int:
        """Windows in an epoch; one where jets are not shuffled in blocks."""
        return ceil(self.num_blocks / self.window) if self.shuffle == "blocks" else 1

    def jets(self, epoch: int, start: int, stop: int) -> Array:
        """Return the jets that come at places `start` to `stop` (excluded) of an epoch."""
        if self.shuffle == "none":
            return np.arange(start, stop)
        if self.shuffle == "full":
            return self._permutation(epoch)[start:stop].astype(np.int64)
        parts = []
        for window in range(self.window_at(epoch, start), self.window_at(epoch, stop - 1) + 1):
            first = self.window_start(epoch, window)
            parts.append(self._window(epoch, window)[max(start - first, 0) : stop - first])
        return np.concatenate(parts)

    def window_at(self, epoch: int, place: int) -> int:
        """Return the window that holds a place of an epoch."""
        return int(np.searchsorted(self._window_starts(epoch), place, side="right")) - 1

    def window_start(self, epoch: int, window: int) -> int:
        """Return the first place of a window."""
        return int(self._window_starts(epoch)[window])

    def blocks_of(self, epoch: int, window: int) -> list[tuple[int, int]]:
        """Return the blocks of a window, as first and last row (excluded), in the order of the store."""
        blocks = np.sort(self._blocks(epoch)[window * self.window : (window + 1) * self.window])
        return [(int(b) * self.block, min((int(b) + 1) * self.block, self.num_jets)) for b in blocks]

    def _make_blocks(self, epoch: int) -> Array:
        return np.random.default_rng((self.seed, epoch)).permutation(self.num_blocks)

    def _make_window_starts(self, epoch: int) -> Array:
        """Return the first place of each window; those after the one with the short block come earlier."""
        starts = np.arange(self.num_windows) * self.block * self.window
        short = self.num_blocks * self.block - self.num_jets
        holder = int(np.flatnonzero(self._blocks(epoch) == self.num_blocks - 1)[0]) // self.window
        starts[holder + 1 :] -= short
        return starts

    def _make_permutation(self, epoch: int) -> Array:
        small = np.uint32 if self.num_jets < 2**32 else np.uint64
        order = np.arange(self.num_jets, dtype=small)
        np.random.default_rng((self.seed, epoch)).shuffle(order)
        return order

    def _make_window(self, epoch: int, window: int) -> Array:
        jets = np.concatenate([np.arange(*block) for block in self.blocks_of(epoch, window)])
        np.random.default_rng((self.seed, epoch, 1 + window)).shuffle(jets)
        return jets


def step_starts(num_jets: int, batch_size: int, ranks: int) -> Array:
    """Divide the places of an epoch into steps of all ranks together.

    Every rank has equally many jets in every step, as far as the ranks divide the jets: what remains
    belongs to the first step. The steps are of equal size, `batch_size` jets on each rank at most.

    Returns
    -------
    numpy.ndarray
        First place of each step, and the end.
    """
    each = num_jets // ranks
    steps = min(ceil(ceil(num_jets / ranks) / batch_size), each)
    starts = each * np.arange(steps + 1) // steps * ranks
    starts[1:] += num_jets % ranks
    return starts


def share_of(rank: int, ranks: int, jets: Array, lengths: Array) -> Array:
    """Deal jets out so that all ranks carry equal work, and return one rank's.

    Parameters
    ----------
    rank, ranks : int
        Which of how many.
    jets : numpy.ndarray
        The jets of one step.
    lengths : numpy.ndarray
        Constituents of each of them.
    """
    turn = np.arange(len(jets)) % (2 * ranks)
    owner = np.minimum(turn, 2 * ranks - 1 - turn)
    share: Array = jets[by_length(lengths)[owner == rank]]
    return share

"""Whether loading holds a training up, and how many worker processes to try."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from salt_core.data.around import LoaderAround
from salt_core.data.batch import JetBatch
from salt_core.interfaces.dataloader import JetLoader

log = logging.getLogger("salt.data")

#: Steps that are not measured, for caches and workers warm up, and steps that are.
FIRST, MEASURED = 5, 50

#: Share of the time spent waiting for data from which loading is worth a word.
WORTH_A_WORD = 0.2


@dataclass(frozen=True)
class Readers:
    """Who reads the training batches of this rank.

    Parameters
    ----------
    workers : int
        Worker processes; 0 where the training process reads.
    cpus : int
        CPUs that all ranks of this machine may use.
    ranks : int
        Ranks on this machine.
    workers_help : bool
        Whether the loader reads with workers while the model is trained.
    """

    workers: int
    cpus: int
    ranks: int
    workers_help: bool

    @property
    def most(self) -> int:
        """Workers of each rank that have a CPU of their own."""
        return max(self.cpus // self.ranks, 1)

    def too_many(self) -> str:
        """Say that there are more workers than CPUs; empty where there are not."""
        if self.workers <= self.most:
            return ""
        ranks = f" on each of {self.ranks} devices" if self.ranks > 1 else ""
        return (
            f"data.num_workers: {self.workers} processes{ranks} are more than the {self.cpus} CPUs that this "
            f"process may use; try {max(self.most - 1, 0)}"
        )

    def too_slow(self, waiting: float, working: float) -> str:
        """Say what to try where loading holds the training up; empty where it does not.

        Parameters
        ----------
        waiting, working : float
            Seconds spent waiting for data and on everything else, in the same steps.
        """
        share = waiting / (waiting + working)
        if share < WORTH_A_WORD:
            return ""
        said = f"waiting for data took {share:.0%} of the first steps; try"
        if not self.workers_help:
            return f"{said} a data.cache_dir on a local disk, or --data.move_files_temp on fast storage"
        # With workers, the time between batches is what all of them together need for one.
        needed = ceil(
            waiting / working if self.workers == 0 else self.workers * (waiting + working) / working
        )
        if self.workers >= self.most:
            return f"{said} --data.loader packed, for there is no CPU left for more workers"
        number = min(max(needed, self.workers + 1), self.most)
        return f"{said} data.num_workers: {number}, or --data.loader packed, which needs none"


class WatchedLoader(LoaderAround):
    """A loader that says once, after the first steps, whether the training waits for it.

    Parameters
    ----------
    loader : JetLoader
        The loader.
    readers : Readers
        Who reads for it.
    """

    def __init__(self, loader: JetLoader, readers: Readers) -> None:
        super().__init__(loader)
        self.readers = readers
        self._steps, self._waiting, self._working = 0, 0.0, 0.0

    def __iter__(self) -> Iterator[JetBatch]:
        """Yield the loader's batches."""
        batches = iter(self.loader)
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            given = time.perf_counter()
            yield batch
            self._note(given - asked, time.perf_counter() - given)

    def _note(self, waiting: float, working: float) -> None:
        self._steps += 1
        if not FIRST < self._steps <= FIRST + MEASURED:
            return
        self._waiting += waiting
        self._working += working
        if self._steps == FIRST + MEASURED:
            said = self.readers.too_slow(self._waiting, self._working)
            if said:
                log.warning("%s", said)

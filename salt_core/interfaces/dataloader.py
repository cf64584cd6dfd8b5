"""The dataloader's side of the contract: what to read in, a sized and resumable iterable out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from salt_core.data.batch import JetBatch


@dataclass(frozen=True)
class Selection:
    """Which datasets and columns of a file make a batch.

    Parameters
    ----------
    global_object : str
        Name of the object with one row per jet.
    variables : mapping of str to tuple of str
        Input columns per object, in the order in which they stand in the features.
    columns : mapping of str to tuple of str
        Further columns per object, kept un-normalised: labels, weights, denominators.
    datasets : mapping of str to str
        Path of each object's dataset in the file.
    num_inputs : mapping of str to int
        Most constituents read per jet, for the streams that limit them.
    """

    global_object: str
    variables: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, tuple[str, ...]]
    datasets: Mapping[str, str]
    num_inputs: Mapping[str, int]

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the constituent streams, in the order of the configuration."""
        return tuple(name for name in self.variables if name != self.global_object)


@dataclass(frozen=True)
class Position:
    """A place in the sequence of batches: the epoch, and how many of its batches are done."""

    epoch: int
    batch: int


@dataclass(frozen=True)
class LoadRequest:
    """Everything that a dataloader needs to read one sample.

    Parameters
    ----------
    file : Path
        The HDF5 file.
    selection : Selection
        Which columns to read.
    num_jets : int
        Jets to read from the start of the file; -1 for all.
    batch_size : int
        Jets in a batch, on each rank.
    num_workers : int
        Worker processes; 0 reads in the calling process.
    shuffle : bool
        Training order: shuffled, the last partial batch dropped. Otherwise file order, whole.
    seed, rank, world_size : int
        The order of the batches is a function of seed, epoch and rank.
    position : callable, optional
        Tells where the trainer stands; without it the iterable counts by itself.
    """

    file: Path
    selection: Selection
    num_jets: int = -1
    batch_size: int = 1000
    num_workers: int = 0
    shuffle: bool = False
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    position: Callable[[], Position] | None = None


class JetLoader(Protocol):
    """A sized iterable of batches that can go on from where it was."""

    def __len__(self) -> int:
        """Batches in one epoch on this rank."""
        ...

    def __iter__(self) -> Iterator[JetBatch]:
        """Yield the batches of the epoch that is due, from the position that is due."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Tell the position, for a checkpoint."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a position that `state_dict` told."""
        ...


class Dataloader(ABC):
    """Makes batches of a file. The ``__init__`` of a subclass takes choices only."""

    @abstractmethod
    def build(self, request: LoadRequest) -> JetLoader:
        """Open the sample that `request` describes."""

"""What a dataloader is asked for: which columns of which files, in which order, for whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from salt_core.data.cuts import Cut
from salt_core.errors import ConfigError

Shuffle = Literal["full", "blocks", "none"]
Sample = Literal["train", "val", "test"]


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
    cuts : mapping of str to tuple of Cut
        What jets, and constituents of each stream, have to pass to be read.
    """

    global_object: str
    variables: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, tuple[str, ...]]
    datasets: Mapping[str, str]
    num_inputs: Mapping[str, int]
    cuts: Mapping[str, tuple[Cut, ...]] = field(default_factory=dict)

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the constituent streams, in the order of the configuration."""
        return tuple(name for name in self.variables if name != self.global_object)

    @property
    def objects(self) -> tuple[str, ...]:
        """The global object and the streams."""
        return (self.global_object, *self.streams)

    def wanted(self, name: str) -> tuple[str, ...]:
        """List the columns of object `name` that make batches, each once."""
        columns = (*self.variables.get(name, ()), *self.columns.get(name, ()))
        return tuple(dict.fromkeys(columns))

    def read(self, name: str) -> tuple[str, ...]:
        """List the columns of object `name` that are read, those of cuts too, each once."""
        cut = (cut.column for cut in self.cuts.get(name, ()))
        return tuple(dict.fromkeys((*self.wanted(name), *cut)))


def without_missing(selection: Selection, present: Mapping[str, Sequence[str]]) -> Selection:
    """Leave further columns out of a selection that are not among those `present` by object."""
    columns = {
        name: tuple(column for column in names if column in present[name])
        for name, names in selection.columns.items()
    }
    return replace(selection, columns=columns)


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
    files : tuple of Path
        The files, which read as one sample in this order.
    selection : Selection
        Which columns to read.
    num_jets : int
        Jets to read from the start of the sample; -1 for all.
    batch_size : int
        Most jets in a batch, on each rank.
    num_workers : int
        Worker processes; 0 reads in the calling process.
    training : bool
        Training order: every jet once an epoch over all ranks, in steps of equal size. Otherwise
        file order.
    shuffle : str, optional
        How the training order is shuffled: all jets, blocks of them, or not at all; the loader
        chooses by default.
    once : bool
        Whether the sample is read a single time, so that nothing pays that only later readings gain from.
    seed, rank, world_size : int
        The order of the batches is a function of seed, epoch and rank.
    position : callable, optional
        Tells where the trainer stands; without it the iterable counts by itself.
    max_memory : int, optional
        Bytes of memory that loading may take; the loader decides by default.
    cache_dir : Path, optional
        Where a loader keeps what it makes of the files.
    where : str
        The YAML key path that names the files, for messages.
    """

    files: tuple[Path, ...]
    selection: Selection
    num_jets: int = -1
    batch_size: int = 1000
    num_workers: int = 0
    training: bool = False
    shuffle: Shuffle | None = None
    once: bool = False
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    position: Callable[[], Position] | None = None
    max_memory: int | None = None
    cache_dir: Path | None = None
    where: str = ""

    def jets_of(self, available: int) -> int:
        """Return how many of the jets that there are are read."""
        return available if self.num_jets < 0 else min(self.num_jets, available)

    def jets_for_ranks(self, available: int, sample: str) -> int:
        """Return how many of the jets that there are are read, with one at least for each rank.

        Raises
        ------
        ConfigError
            Where there are too few; `sample` says of what.
        """
        num_jets = self.jets_of(available)
        if num_jets < self.world_size:
            message = f"the {num_jets} jets of {sample} are too few for {self.world_size} devices"
            raise ConfigError(message, self.where)
        return num_jets


@dataclass(frozen=True)
class Contents:
    """What a sample holds, as far as its first rows need not be read.

    Parameters
    ----------
    num_jets : int
        Jets of all its files.
    columns : mapping of str to tuple of str
        The columns of each object.
    class_names : mapping of str to mapping of str to tuple of str
        Names of the classes of a label where the sample tells them, by object and label.
    """

    num_jets: int
    columns: Mapping[str, tuple[str, ...]]
    class_names: Mapping[str, Mapping[str, tuple[str, ...]]]

"""The dataloader's side of the contract: what to read in, a sized and resumable iterable out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from salt_core.data.batch import JetBatch
from salt_core.data.contents import contents_of
from salt_core.data.files import names_of
from salt_core.data.request import Contents, LoadRequest, Position, Selection, Shuffle
from salt_core.errors import ConfigError

__all__ = ["Contents", "Dataloader", "JetLoader", "LoadRequest", "Position", "Selection", "Shuffle"]


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
    """Makes batches of files. The ``__init__`` of a subclass takes choices only."""

    #: Whether ``data.num_workers`` processes read while the model is trained.
    reads_with_workers = True

    @abstractmethod
    def build(self, request: LoadRequest) -> JetLoader:
        """Open the sample that `request` describes."""

    def contents(self, request: LoadRequest) -> Contents:
        """Tell what the sample holds; that of HDF5 files by default.

        Raises
        ------
        SaltError
            Where a file cannot be read, or the files do not go together.
        """
        return contents_of(request.files, request.selection, request.where)

    def check(self, request: LoadRequest) -> None:
        """Raise a `ConfigError` for a request that this loader cannot meet, without reading; none by default."""
        del request

    def room(self, request: LoadRequest) -> Mapping[Path, int]:
        """Tell how many bytes `prepare` will write to which folder; none by default."""
        del request
        return {}

    def prepare(self, request: LoadRequest) -> tuple[Path, ...]:
        """Make what `build` needs, and return what is read in the place of the files: the files by default.

        It may be called by every process of a training at the same time. What it returns are files
        or folders that `build` takes as the request's files, at this place or copied to another.
        """
        return request.files

    def pack(self, request: LoadRequest, folder: Path) -> None:
        """Make what `prepare` makes in a `folder` that the user names, to be read as a file later.

        Raises
        ------
        SaltError
            Where there is nothing to make, as by default, or it cannot be made.
        """
        raise _nothing_to_make(self, request.files, folder)

    def describe(self, folder: Path) -> str:
        """Tell a reader what a folder that `pack` made holds."""
        raise _nothing_to_make(self, (), folder)


def _nothing_to_make(loader: Dataloader, files: Sequence[Path], folder: Path) -> ConfigError:
    reads = f"reads {names_of(files)} as it is" if files else "reads files as they are"
    return ConfigError(
        f"the loader {type(loader).__name__} {reads}; it makes nothing in {folder}", "data.loader"
    )

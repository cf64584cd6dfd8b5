"""The staging side of the contract: files in, their copies on fast storage out, for one run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path


class Staging(ABC):
    """Brings input files to a faster place. The ``__init__`` of a subclass takes choices only."""

    @abstractmethod
    def stage(self, files: Sequence[Path], target: Path) -> AbstractContextManager[Sequence[Path]]:
        """Copy `files` below `target` for the time of the context.

        Returns
        -------
        context manager of sequence of Path
            The copies, in the order of `files`; leaving the context removes them.
        """

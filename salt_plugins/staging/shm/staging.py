"""Copies input files into memory for the time of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from salt_core import RunError
from salt_plugins.staging.copy.staging import SETTING, Copy
from salt_plugins.staging.shm.memory import file_system_of, memory_left

SHM = Path("/dev/shm")  # noqa: S108 - the file system in memory, which is what this is about


class Shm(Copy):
    """Copies files into memory, below /dev/shm; otherwise as `copy` does.

    Parameters
    ----------
    verify : bool, optional
        Read each copy back and compare its checksum with the source's.
    """

    def __init__(self, verify: bool = True) -> None:
        super().__init__(verify)

    @contextmanager
    def stage(self, files: Sequence[Path], target: Path) -> Iterator[Sequence[Path]]:
        """Copy files or folders into memory for the time of the context.

        Raises
        ------
        RunError
            Where `target` is not in memory, and as `copy` does.
        """
        place = target.resolve()
        if not place.is_relative_to(SHM) or file_system_of(place) != "tmpfs":
            message = f"{target} is not in memory: name a folder below {SHM}, or use the staging 'copy'"
            raise RunError(message, where=SETTING)
        with super().stage(files, target) as copies:
            yield copies

    def room(self, target: Path) -> int:
        """Say how many bytes may be written: of the file system, of the memory, of the job's share of it."""
        return min([super().room(target), *memory_left()])

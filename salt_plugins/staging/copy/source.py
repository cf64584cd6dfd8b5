"""What is to be copied: a file, or a folder with the files in it, as it was when it was looked at."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from salt_core import RunError


@dataclass(frozen=True)
class Stamp:
    """What tells one state of a file from another."""

    size: int
    modified: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """Take it from what the file system says."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ino)


@dataclass(frozen=True)
class Source:
    """A file or a folder.

    Parameters
    ----------
    path : Path
        Where it is.
    folders : tuple of str
        The folders in it with itself, as paths that begin with its name; none for a file.
    files : mapping of str to Stamp
        The files, likewise.
    """

    path: Path
    folders: tuple[str, ...]
    files: dict[str, Stamp]

    @property
    def size(self) -> int:
        """All files together, in bytes."""
        return sum(stamp.size for stamp in self.files.values())

    @property
    def key(self) -> str:
        """A name that is another one for each place and each state."""
        identity = (
            str(self.path.resolve()),
            self.path.name,
            self.folders,
            sorted(self.files.items(), key=str),
        )
        return hashlib.sha256(repr(identity).encode()).hexdigest()[:32]

    def file(self, name: str) -> Path:
        """Return where a file of `files` lies."""
        return self.path.parent / name


def look_at(path: Path) -> Source:
    """Find what a file or a folder consists of.

    Raises
    ------
    RunError
        Where it is not there, cannot be read, or holds something else than files and folders.
    """
    path = path.absolute()
    try:
        if not path.is_dir():
            return Source(path, (), {path.name: _stamp(path)})
        return _look_into(path)
    except OSError as error:
        raise RunError(f"cannot be read for staging: {error.strerror}", where=str(path)) from error


def _look_into(top: Path) -> Source:
    folders: list[str] = []
    files: dict[str, Stamp] = {}
    for place, inner, names in os.walk(top, onerror=_raise):
        folder = Path(place)
        folders.append(str(folder.relative_to(top.parent)))
        links = [name for name in inner if (folder / name).is_symlink()]
        if links:
            raise RunError(
                "links to folders are not staged; name that folder itself", where=str(folder / links[0])
            )
        for name in names:
            files[str((folder / name).relative_to(top.parent))] = _stamp(folder / name)
    return Source(top, tuple(sorted(folders)), dict(sorted(files.items())))


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise RunError("neither a file nor a folder: it cannot be staged", where=str(path))
    return Stamp.of(found)


def _raise(error: OSError) -> None:
    raise error

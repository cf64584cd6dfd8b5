"""Writing files whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, synced: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`, which takes its place when the context ends well.

    An exception removes the temporary file and leaves what was at `path` as it was.

    Parameters
    ----------
    path : Path
        The file.
    synced : bool, optional
        Whether to wait until it is on the disk.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        if synced:
            sync_one(temporary)
        temporary.replace(path)
        if synced:
            sync_one(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a new temporary folder beside `path`, which takes its place when the context ends well.

    Everything in it is on the disk by then. An exception removes the folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.mkdir()
    try:
        yield temporary
        sync(temporary)
        temporary.rename(path)
        sync_one(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync(folder: Path) -> None:
    """Wait until a folder and all below it are on the disk."""
    for path, _, files in os.walk(folder):
        for name in files:
            sync_one(Path(path, name))
        sync_one(Path(path))


def sync_one(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def shown(path: Path) -> str:
    """Write a path as a message does: relative where it lies below the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")

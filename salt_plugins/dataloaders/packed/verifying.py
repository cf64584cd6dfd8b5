"""The checksums of a store: every byte is compared once, and that is remembered for some minutes."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from salt_core import DataError
from salt_core.files import write_whole
from salt_core.limits import usable_cpus
from salt_core.shelf import state_folder
from salt_plugins.dataloaders.packed.manifest import BLOCK, Manifest

#: Seconds for which one process trusts what another has verified, while the files are not touched.
TRUST = 600


def verify(folder: Path) -> None:
    """Compare every byte of a store with its checksums.

    What a process has verified is trusted for some minutes by those that start beside it, as long as
    nothing touches the files.

    Raises
    ------
    DataError
        Where a file is missing, too short, or has changed.
    """
    manifest = Manifest.read(folder)
    state = {name: _state(folder / name) for name in manifest.files}
    if _trusted(folder, state):
        return
    with ThreadPoolExecutor(usable_cpus()) as pool:
        checks = [
            pool.submit(_check_block, folder / name, index, crc, file.bytes)
            for name, file in manifest.files.items()
            for index, crc in enumerate(file.crc32)
        ]
        for check in checks:
            check.result()
    _remember(folder, state)


def open_whole(path: Path, size: int) -> BinaryIO:
    """Open a file of a store.

    Raises
    ------
    DataError
        Where it cannot be read, or has not the size in bytes that was written.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    found = os.fstat(file.fileno()).st_size
    if found != size:
        file.close()
        raise DataError(f"{path} has {found} bytes, not the {size} that were written")
    return file


def _check_block(path: Path, index: int, crc: int, size: int) -> None:
    start = index * BLOCK
    with open_whole(path, size) as file:
        if not size:
            return
        with mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as view:
            if zlib.crc32(view[start : start + BLOCK]) != crc:
                raise DataError(
                    f"{path} is damaged: bytes {start} to {min(start + BLOCK, size)} have changed"
                )


def _state(path: Path) -> list[int]:
    """Return what changes with a file's content, even where its modification time is put back."""
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _note_of(folder: Path) -> Path:
    """Name the note of what was verified: not in the store, which would be another one for staging then."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return state_folder() / "verified" / name


def _remember(folder: Path, state: dict[str, list[int]]) -> None:
    with suppress(OSError, RuntimeError):  # RuntimeError: no home folder
        note = _note_of(folder)
        note.parent.mkdir(parents=True, exist_ok=True)
        for old in note.parent.iterdir():
            if time.time() - old.stat().st_mtime > TRUST:
                old.unlink(missing_ok=True)
        write_whole(note, json.dumps({"at": time.time(), "state": state}))


def _trusted(folder: Path, state: dict[str, list[int]]) -> bool:
    try:
        note = json.loads(_note_of(folder).read_text(encoding="utf-8"))
        return bool(note["state"] == state and 0 <= time.time() - note["at"] < TRUST)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError):
        return False

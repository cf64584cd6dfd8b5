"""Copies bytes, and makes sure of them."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from salt_core import RunError
from salt_plugins.staging.copy.source import Source, Stamp

CHUNK = 8 * 2**20
CONTENT = "content"
MANIFEST = "manifest.json"
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FULL = (errno.ENOSPC, errno.EDQUOT)

Advance = Callable[[int], object]


def copy_source(source: Source, folder: Path, advance: Advance) -> dict[str, int]:
    """Copy a file or a folder into an empty folder.

    Parameters
    ----------
    source : Source
        What is copied.
    folder : Path
        Where to; the copy keeps its name.
    advance : callable
        Told about the bytes that were copied.

    Returns
    -------
    dict of str to int
        The checksum of each file's bytes, as they were read from the source.

    Raises
    ------
    RunError
        Where something cannot be read or written, or the source is no longer what was looked at.
    """
    folder.mkdir(0o700)
    for name in source.folders:
        (folder / name).mkdir(0o700)
    return {
        name: _copy(source.file(name), folder / name, stamp, advance) for name, stamp in source.files.items()
    }


def _copy(source: Path, copy: Path, stamp: Stamp, advance: Advance) -> int:
    checksum = 0
    with _opened(source) as reader:
        writer = os.open(copy, NEW_FILE, 0o600)
        try:
            for chunk in _chunks(source, reader):
                checksum = zlib.crc32(chunk, checksum)
                _write(copy, writer, chunk)
                advance(len(chunk))
            _check_unchanged(source, reader, stamp)
        finally:
            os.close(writer)
    return checksum


def verify_copy(folder: Path, source: Source, checksums: dict[str, int], advance: Advance) -> None:
    """Read a copy back, and compare it with what was read from the source.

    Raises
    ------
    RunError
        Where a file is gone or has another size or other bytes.
    """
    for name, stamp in source.files.items():
        checksum, size = 0, 0
        with _opened(folder / name) as reader:
            for chunk in _chunks(folder / name, reader):
                checksum = zlib.crc32(chunk, checksum)
                size += len(chunk)
                advance(len(chunk))
        if (size, checksum) != (stamp.size, checksums[name]):
            message = (
                f"this copy of {source.file(name)} has {size} bytes with checksum {checksum:08x} instead of "
                f"{stamp.size} with {checksums[name]:08x}; another process changed it, or the disk is faulty"
            )
            raise RunError(message, where=str(folder / name))


def write_manifest(entry: Path, source: Source, checksums: dict[str, int]) -> None:
    """Note size and checksum of every file beside the copy."""
    files = {name: [stamp.size, checksums[name]] for name, stamp in source.files.items()}
    text = json.dumps({"source": str(source.path), "files": files}, indent=1)
    writer = os.open(entry / MANIFEST, NEW_FILE, 0o600)
    with os.fdopen(writer, "w", encoding="utf-8") as file:
        file.write(text)


def is_whole(entry: Path) -> bool:
    """Tell whether every file of an entry is there in its size; its bytes were compared when it was made."""
    try:
        files = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))["files"]
        return all((entry / CONTENT / name).lstat().st_size == size for name, (size, _) in files.items())
    except (OSError, ValueError):
        return False


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        reader = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        yield reader
    finally:
        os.close(reader)


def _chunks(path: Path, reader: int) -> Iterator[memoryview]:
    """Read a file; each piece is valid until the next one."""
    buffer = memoryview(bytearray(CHUNK))
    while True:
        try:
            size = os.readv(reader, [buffer])
        except OSError as error:
            raise _unreadable(path, error) from error
        if not size:
            return
        yield buffer[:size]


def _write(path: Path, writer: int, chunk: memoryview) -> None:
    try:
        while chunk:
            chunk = chunk[os.write(writer, chunk) :]
    except OSError as error:
        if error.errno not in FULL:
            raise
        message = f"no room is left there: {error.strerror}; name a larger place in data.move_files_temp"
        raise RunError(message, where=str(path)) from error


def _check_unchanged(source: Path, reader: int, stamp: Stamp) -> None:
    now = Stamp.of(os.fstat(reader))
    if now != stamp:
        message = (
            f"this file changed while it was staged ({stamp.size} bytes before, now {now.size}); try again"
        )
        raise RunError(message, where=str(source))


def _unreadable(path: Path, error: OSError) -> RunError:
    return RunError(f"cannot be read: {error.strerror}", where=str(path))

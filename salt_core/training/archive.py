"""Checkpoint files: written whole or not at all, sealed with a checksum, and read without running their code."""

from __future__ import annotations

import io
import re
import shutil
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from salt_core.errors import DataError, RunError, first_line
from salt_core.files import whole_file
from salt_core.sizes import readable

# A checkpoint is a zip archive, and the seal is the archive's comment: every reader of such archives skips it.
END_OF_ARCHIVE = b"PK\x05\x06"
END_SIZE = 22
SEAL = re.compile(rb"salt-crc32:([0-9a-f]{8})\Z")
SEAL_SIZE = len(b"salt-crc32:") + 8


class SealedCheckpoints(TorchCheckpointIO):
    """Has Lightning write and read checkpoints as this module does."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        del storage_options
        save(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> Any:
        """Read a checkpoint, whatever is asked for without running code from it."""
        del map_location, weights_only
        return load(Path(path))


def save(content: Mapping[str, Any], path: Path) -> None:
    """Write `content` to `path`, whole or not at all, on the disk when this returns.

    Raises
    ------
    RunError
        Where it cannot be written, such as on a full disk; what was at `path` is still there.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    archive = sealed(buffer.getvalue())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, synced=True) as temporary:
            temporary.write_bytes(archive)
    except OSError as error:
        raise RunError(_why_unwritten(path, len(archive), error)) from error


def _why_unwritten(path: Path, size: int, error: OSError) -> str:
    existing = next((folder for folder in path.parents if folder.is_dir()), Path("/"))
    free = shutil.disk_usage(existing).free
    return (
        f"the checkpoint {path} of {readable(size)} cannot be written: {error.strerror} "
        f"({readable(free)} are free there); make room, and go on from the last one with --ckpt_path last"
    )


def sealed(archive: bytes) -> bytes:
    """Append the checksum of a zip archive to it, as its comment."""
    assert archive[-END_SIZE : -END_SIZE + 4] == END_OF_ARCHIVE
    body = archive[:-2] + struct.pack("<H", SEAL_SIZE)
    return body + b"salt-crc32:%08x" % zlib.crc32(body)


def load(path: Path, where: str = "--ckpt_path") -> Any:
    """Read a file of `save` onto the CPU.

    A file without seal, such as another program's, is read too.

    Raises
    ------
    DataError
        Where a byte is missing or has changed, or it is no checkpoint.
    """
    try:
        archive = path.read_bytes()
        fault = _fault_of(archive)
        if fault:
            raise DataError(f"the checkpoint {path} is damaged: {fault}", where)
        return torch.load(io.BytesIO(archive), map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # what a file holds that anybody may have made fails in any way
        # No more than its first sentence: torch advises to try again in a way that would run code of the file.
        first = first_line(error).partition(". ")[0] or type(error).__name__
        message = f"the checkpoint {path} cannot be read, it may be damaged or no checkpoint: {first}"
        raise DataError(message, where) from None


def is_intact(path: Path) -> bool:
    """Tell whether a checkpoint has its seal and every byte is as it was written."""
    try:
        archive = path.read_bytes()
    except OSError:
        return False
    return SEAL.search(archive[-SEAL_SIZE:]) is not None and not _fault_of(archive)


def _fault_of(archive: bytes) -> str:
    found = SEAL.search(archive[-SEAL_SIZE:])
    if found is None:
        # The seal of a file of ours may be what was lost: then the end of the archive promises one.
        end = archive.rfind(END_OF_ARCHIVE, max(len(archive) - END_SIZE - SEAL_SIZE, 0))
        promised = archive[end + END_SIZE - 2 : end + END_SIZE] == struct.pack("<H", SEAL_SIZE)
        return "its checksum is missing" if end >= 0 and promised else ""
    changed = zlib.crc32(archive[:-SEAL_SIZE]) != int(found[1], 16)
    return "its bytes do not agree with its checksum" if changed else ""

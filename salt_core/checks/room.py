"""Whether what a training writes has room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from salt_core.errors import ConfigError, SaltError, raise_all
from salt_core.sizes import readable
from salt_core.training.boundary import KEPT
from salt_core.training.module import SaltModule

#: Bytes that a run writes beside its checkpoints, generously.
MARGIN = 10 * 10**6

#: Weights, and two moments of them as common optimisers keep.
COPIES = 3


def checkpoint_size(module: SaltModule) -> int:
    """Estimate the bytes of a checkpoint of a model that is built."""
    parameters = sum(p.numel() * p.element_size() for p in module.parameters())
    buffers = sum(b.numel() * b.element_size() for b in module.buffers())
    return COPIES * parameters + buffers


def checkpoints_kept(callbacks: Sequence[Callback], epochs: int | None) -> int:
    """Count the checkpoints that lie in a run directory at most, one that is just written included."""
    kept = KEPT + 1
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint):
            best = callback.save_top_k
            kept += (max(epochs or 1, 1) if best < 0 else best) + bool(callback.save_last)
    return kept


def check_room(needed: Mapping[tuple[str, Path], int]) -> None:
    """Raise where a folder cannot be written or its disk has too little room.

    Parameters
    ----------
    needed : mapping of (str, Path) to int
        Bytes, by the folder and the key path that names it. What goes to one disk adds up.

    Raises
    ------
    ConfigError
        Which tells all of them.
    """
    faults: list[SaltError] = []
    wanted: dict[int, int] = {}
    for (where, folder), size in needed.items():
        holder = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        if not holder.is_dir() or not os.access(holder, os.W_OK):
            message = f"{folder} cannot be written: {holder} is no folder that may be written"
            faults.append(ConfigError(message, where))
            continue
        disk = holder.stat().st_dev
        wanted[disk] = wanted.get(disk, 0) + size
        free = shutil.disk_usage(holder).free
        if wanted[disk] > free:
            message = (
                f"{readable(wanted[disk])} will be needed on the disk of {folder}, {readable(free)} are free"
            )
            faults.append(ConfigError(f"{message}; make room, or name another folder", where))
    raise_all(faults)

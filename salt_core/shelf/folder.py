"""Which folders can be shelves: those of this user alone, on a file system with locks."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from salt_core.errors import ConfigError
from salt_core.shelf.entry import NoLocks


def check_ours(root: Path) -> None:
    """Refuse a folder in which another user could plant something."""
    found = root.lstat()
    if stat.S_ISLNK(found.st_mode):
        fault = "is a symbolic link; name the folder itself"
    elif not stat.S_ISDIR(found.st_mode):
        fault = "is not a folder"
    elif found.st_uid != os.geteuid():
        fault = f"belongs to another user ({found.st_uid}); name another folder"
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        fault = f"others may write there (mode {stat.S_IMODE(found.st_mode):o}); do 'chmod 700' after a look"
    else:
        return
    raise ConfigError(fault, where=str(root))


@contextmanager
def needs_locks(root: Path) -> Iterator[None]:
    """Tell the user where the file system of a shelf turns out to have no locks."""
    try:
        yield
    except NoLocks as error:
        message = (
            f"the file system of this folder has no locks ({error.strerror}); name a folder on a local disk"
        )
        raise ConfigError(message, where=str(root)) from error

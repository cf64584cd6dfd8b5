"""Starts the guardian of an entry; what it does is in `salt_core.shelf.entry`, which needs no other module."""

from __future__ import annotations

import fcntl
import logging
import subprocess
import sys

from salt_core.shelf import entry as guardian
from salt_core.shelf.entry import Entry, locked, unlock

log = logging.getLogger("salt.shelf")


def start_guardian(entry: Entry) -> None:
    """Have a process of its own session remove the entry when its users are gone, however they died."""
    lives = locked(entry.guard, fcntl.LOCK_EX, wait=False)
    if lives is None:
        return
    unlock(lives)
    null = subprocess.DEVNULL
    command = [sys.executable, "-I", "-S", guardian.__file__, str(entry.root), entry.key]
    started = subprocess.run(  # noqa: S603 - our own interpreter and script
        command, stdin=null, stdout=null, stderr=null, cwd="/", start_new_session=True, check=False
    )
    if started.returncode:
        log.warning(
            "%s: no guardian could be started; after a kill, 'salt data clean' removes it", entry.path
        )

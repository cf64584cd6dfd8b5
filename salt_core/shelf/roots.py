"""The shelves of a user on a machine, remembered so that they can be cleaned."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from pathlib import Path

from salt_core.files import write_whole

STATE_VARIABLE = "SALT_STATE_DIR"


def state_folder() -> Path:
    """Name the folder of what is remembered for this user on this machine.

    Returns
    -------
    Path
        ``$SALT_STATE_DIR``, or a folder of the host's name below ``$XDG_STATE_HOME/salt-hep`` or
        ``~/.local/state/salt-hep``: home folders are often shared among machines.
    """
    if chosen := os.environ.get(STATE_VARIABLE):
        return Path(chosen)
    base = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(base) / "salt-hep" / socket.gethostname()


def remember(root: Path) -> None:
    """Remember a shelf; where nothing can be written, it is just not remembered."""
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: no home folder
        note = state_folder() / "shelves" / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
        if not note.exists():
            note.parent.mkdir(parents=True, exist_ok=True)
            write_whole(note, str(root))


def known_roots() -> list[Path]:
    """List the remembered shelves that are there, and forget the others."""
    found = []
    try:
        notes = list((state_folder() / "shelves").glob("[!.]*"))
    except RuntimeError:  # no home folder
        return []
    for note in notes:
        root = Path(note.read_text(encoding="utf-8"))
        if root.is_dir():
            found.append(root)
        else:
            note.unlink(missing_ok=True)
    return sorted(found)

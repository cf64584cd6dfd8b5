"""Locks of entries."""

from __future__ import annotations

import fcntl
import threading

import pytest

from salt_core.shelf import entry as entries
from salt_core.shelf.entry import is_at, locked, unlock


def test_a_lock_on_a_removed_file_is_not_taken_for_one(tmp_path):
    path = tmp_path / "lock"
    holder = locked(path, fcntl.LOCK_EX)
    waiting = threading.Thread(target=lambda: got.append(locked(path, fcntl.LOCK_EX)))
    got = []
    opened = entries.os.open
    is_open = threading.Event()

    def open_and_tell(*words: object) -> int:
        descriptor = opened(*words)
        is_open.set()
        return descriptor

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries.os, "open", open_and_tell)
        waiting.start()
        assert is_open.wait(10)
        path.unlink()
        unlock(holder)
        waiting.join(10)
    assert is_at(got[0], path)
    assert locked(path, fcntl.LOCK_EX, wait=False) is None
    unlock(got[0])

"""One entry of a shelf on disk: its names, its locks, its removal. Run as a script, it is the entry's guardian.

Whoever makes or removes an entry holds its `build` lock; whoever uses it shares its `use` lock. Locks are the
kernel's (`flock`), which drops them with the process that held them, however it ended. An entry that does not
stay has a guardian: a process that waits until nobody builds or uses the entry, and removes it then.

Only the standard library is imported, so that the guardian runs whatever the environment is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

LOCK_FOLDERS = {True: ".locks-kept", False: ".locks-passing"}
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600

_held: set[int] = set()


class NoLocks(OSError):  # noqa: N818 - what is missing is the name
    """A file system that does not lock."""


def try_lock(descriptor: int, mode: int, *, wait: bool = False) -> bool:
    """Lock an open file; False where another one holds it and `wait` is not set."""
    try:
        fcntl.flock(descriptor, mode if wait else mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise NoLocks(error.errno, error.strerror) from error
    return True


def locked(path: Path, mode: int, *, wait: bool = True, create: bool = True) -> int | None:
    """Open a lock file and lock it.

    Parameters
    ----------
    path : Path
        The lock file.
    mode : int
        ``fcntl.LOCK_SH`` or ``fcntl.LOCK_EX``.
    wait : bool, optional
        Wait for those who hold it.
    create : bool, optional
        Make the file where there is none.

    Returns
    -------
    int or None
        The descriptor; None where another holds the lock.

    Raises
    ------
    FileNotFoundError
        Where the folder, or without `create` the file, is not there.
    NoLocks
        Where the file system does not lock.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
    while True:
        descriptor = os.open(path, flags, PRIVATE_FILE)
        _held.add(descriptor)
        try:
            if not try_lock(descriptor, mode, wait=wait):
                unlock(descriptor)
                return None
        except BaseException:
            unlock(descriptor)
            raise
        if is_at(descriptor, path):
            return descriptor
        # The holder before us removed the file: what is locked now is nobody's any more.
        unlock(descriptor)


def unlock(descriptor: int) -> None:
    """Unlock and close; said to the kernel in words, as a forked process may share the open file."""
    _held.discard(descriptor)
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _let_go_in_child() -> None:
    """Close a forked process's share of every lock, so that it does not outlive its owner there."""
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


class Entry:
    """The names of one entry; what is below may be called by the holder of its `build` lock alone.

    Parameters
    ----------
    root : Path
        The shelf.
    key : str
        The name of the entry.
    kept : bool
        Whether the entry stays without users.
    """

    def __init__(self, root: Path, key: str, kept: bool) -> None:
        self.root = root
        self.key = key
        self.kept = kept
        self.path = root / key
        self.part = root / f".{key}.part"  # one builder at a time, hence one name
        self.gone = root / f".{key}.gone"
        locks = root / LOCK_FOLDERS[kept]
        self.build, self.use, self.guard = (locks / f"{key}.{name}" for name in ("build", "use", "guard"))

    @contextlib.contextmanager
    def building(self) -> Iterator[None]:
        """Hold the `build` lock of an entry that is there, or raise FileNotFoundError."""
        build = locked(self.build, fcntl.LOCK_EX, create=False)
        assert build is not None
        try:
            yield
        finally:
            unlock(build)

    def sweep(self) -> list[Path]:
        """Remove what a builder or remover that died has left."""
        return [path for path in (self.part, self.gone) if _remove(path)]

    def discard(self) -> None:
        """Remove the entry: gone at once by a new name, then file by file."""
        _remove(self.gone)
        self.path.rename(self.gone)
        _remove(self.gone)

    def settle(self, mine: int | None = None) -> list[Path]:
        """Leave nothing that has no purpose: leftovers, an entry without user that is not kept, locks.

        Parameters
        ----------
        mine : int, optional
            The caller's own share of the `use` lock, which counts as no user. It may be lost.

        Returns
        -------
        list of Path
            What was removed.
        """
        removed = self.sweep()
        if self.kept and self.path.exists():
            return removed
        return removed + (self.evict(mine) or [])

    def evict(self, mine: int | None = None) -> list[Path] | None:
        """Remove the entry with its locks; None where somebody uses it."""
        if mine is not None and is_at(mine, self.use) and try_lock(mine, fcntl.LOCK_EX):
            return self._evict()
        use = locked(self.use, fcntl.LOCK_EX, wait=False)
        if use is None:
            return None
        try:
            return self._evict()
        finally:
            unlock(use)

    def _evict(self) -> list[Path]:
        removed = [self.path] if self.path.exists() else []
        if removed:
            self.discard()
        for lock in (self.guard, self.use, self.build):
            lock.unlink(missing_ok=True)
        if not self.kept:
            drop_empty(self.root)
        return removed


def drop_empty(root: Path) -> None:
    """Remove a shelf of entries that do not stay where none is left."""
    with contextlib.suppress(OSError):  # not empty
        (root / LOCK_FOLDERS[False]).rmdir()
        root.rmdir()


def _remove(path: Path) -> bool:
    """Remove a file or a folder, and tell whether there was one."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return False
    return True


def guard(entry: Entry) -> None:
    """Wait until nobody builds or uses the entry, then remove it; a second guardian ends at once.

    The calling process ends when the guardian, a child of it, is in place.
    """
    mine = locked(entry.guard, fcntl.LOCK_EX, wait=False)
    if mine is None:
        return
    # A batch system tells all processes of a job to end some seconds before it kills them: time to remove.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _held.discard(mine)  # the lock passes on to the child
    if child := os.fork():
        os.ftruncate(mine, 0)
        os.write(mine, f"{child}\n".encode())
        os._exit(0)
    with contextlib.suppress(FileNotFoundError):  # all is gone
        while is_at(mine, entry.guard):
            _wait_for_users(entry)
            with entry.building():
                entry.settle()


def _wait_for_users(entry: Entry) -> None:
    # Given back at once: whoever waits for the build lock must hold no other.
    use = locked(entry.use, fcntl.LOCK_EX, create=False)
    assert use is not None
    unlock(use)


if __name__ == "__main__":
    guard(Entry(Path(sys.argv[1]), sys.argv[2], kept=False))

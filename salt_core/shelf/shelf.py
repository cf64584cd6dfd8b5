"""A folder of entries that processes share: made once, whole or not at all, whatever is killed when."""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from salt_core.errors import ConfigError
from salt_core.files import sync, sync_one
from salt_core.shelf.entry import (
    LOCK_FOLDERS,
    PRIVATE_FOLDER,
    Entry,
    drop_empty,
    locked,
    unlock,
)
from salt_core.shelf.folder import check_ours, needs_locks
from salt_core.shelf.guardian import start_guardian
from salt_core.shelf.lease import Lease
from salt_core.shelf.roots import remember

KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
ATTEMPTS = 100

log = logging.getLogger("salt.shelf")


class Shelf:
    """A folder of entries, each of them a folder that is named by its key.

    Parameters
    ----------
    root : Path
        The folder; it is made where it is missing, for this user alone.
    keep : bool
        Whether entries stay (a cache) or go with their last user (copies for a run).

    Raises
    ------
    ConfigError
        Where the folder cannot be made, belongs to another user, is open to others' writing, is a link, is
        a shelf of the other sort, or lies on a file system without locks.
    """

    def __init__(self, root: Path, *, keep: bool) -> None:
        self.root = root.absolute()
        self.keep = keep
        self._prepare()
        remember(self.root)

    @staticmethod
    def is_at(root: Path) -> bool:
        """Tell whether a folder is a shelf."""
        return not root.is_symlink() and any((root / locks).is_dir() for locks in LOCK_FOLDERS.values())

    @classmethod
    def at(cls, root: Path) -> Shelf:
        """Open a shelf that is there, of whichever sort it is."""
        return cls(root, keep=(root / LOCK_FOLDERS[True]).is_dir())

    def take(
        self,
        key: str,
        make: Callable[[Path], None],
        sound: Callable[[Path], bool] | None = None,
        what: str = "entry",
    ) -> Lease:
        """Use an entry, which is made where there is none.

        Parameters
        ----------
        key : str
            Its name: letters, digits, ``.``, ``_``, ``-``.
        make : callable
            Fills the empty folder that it is given. It is called by one process at a time.
        sound : callable, optional
            Tells whether an entry that is there can be used; otherwise it is removed and made again.
        what : str, optional
            What messages call it.

        Returns
        -------
        Lease
            To be released at the end of the use.
        """
        entry = self._entry(key)
        with needs_locks(self.root), self._building(entry, what):
            use = locked(entry.use, fcntl.LOCK_SH)
            assert use is not None
            try:
                self._fill(entry, make, sound)
                os.utime(use)
            except BaseException:
                _give_up(entry, use)
                raise
        return Lease(entry, use)

    def clean(self) -> list[Path]:
        """Remove what dead processes have left: parts, and entries that do not stay and nobody uses."""
        removed: list[Path] = []
        for entry in self._known():
            with needs_locks(self.root), _free(entry) as free:
                removed += entry.settle() if free else []
        if not self.keep:
            drop_empty(self.root)
        return removed

    def trim(self, limit: int, spare: Collection[str] = ()) -> list[Path]:
        """Remove the entries that were not used for longest, until all together have at most `limit` bytes.

        Parameters
        ----------
        limit : int
            In bytes.
        spare : collection of str, optional
            Keys of entries that stay, like those that are in use.

        Returns
        -------
        list of Path
            What was removed.
        """
        sizes = {entry: size_of(entry.path) for entry in self._known() if entry.path.is_dir()}
        total, removed = sum(sizes.values()), []
        for entry in sorted(sizes, key=_last_use):
            if total <= limit:
                break
            if entry.key in spare:
                continue
            with needs_locks(self.root), _free(entry) as free:
                gone = entry.evict() if free else None
            if gone:
                removed += gone
                total -= sizes[entry]
        return removed

    def entries(self) -> list[Path]:
        """List the folders of the entries that are there."""
        return [entry.path for entry in self._known() if entry.path.is_dir()]

    def used(self) -> list[Path]:
        """List what is in use now: entries, and the parts of those that are being made."""
        found: list[Path] = []
        for entry in self._known():
            with needs_locks(self.root), _free(entry) as free:
                present = [path for path in (entry.path, entry.part) if path.is_dir()]
                found += [] if free and _is_unused(entry) else present
        return found

    def part_of(self, key: str) -> Path:
        """Name the folder in which the entry `key` is made."""
        return self._entry(key).part

    def _prepare(self) -> None:
        """Make the folder where it is missing, and check that it is ours alone."""
        try:
            for _ in range(ATTEMPTS):
                with suppress(FileNotFoundError):  # the last user of another entry has just removed it
                    return self._make_folders()
            self._make_folders()
        except OSError as error:
            message = f"cannot make this folder: {error.strerror}"
            raise ConfigError(message, where=str(self.root)) from error

    def _make_folders(self) -> None:
        self.root.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self.root.mkdir(PRIVATE_FOLDER)
        check_ours(self.root)
        if (self.root / LOCK_FOLDERS[not self.keep]).is_dir():
            sort = "what running trainings have copied" if self.keep else "a cache"
            raise ConfigError(f"this folder holds {sort}; name another one", where=str(self.root))
        (self.root / LOCK_FOLDERS[self.keep]).mkdir(PRIVATE_FOLDER, exist_ok=True)

    def _entry(self, key: str) -> Entry:
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key: letters, digits, '.', '_', '-', at most 200")
        return Entry(self.root, key, self.keep)

    def _known(self) -> list[Entry]:
        """Find entries by their locks: what else lies in the folder is not ours."""
        try:
            locks = list((self.root / LOCK_FOLDERS[self.keep]).iterdir())
        except FileNotFoundError:  # the last user has just removed the folder
            return []
        return [self._entry(key) for key in sorted({lock.stem for lock in locks})]

    @contextmanager
    def _building(self, entry: Entry, what: str) -> Iterator[None]:
        build = self._build_lock(entry, wait=False)
        if build is None:
            if not entry.path.exists():
                log.info("waiting for another process that makes %s", what)
            build = self._build_lock(entry, wait=True)
        assert build is not None
        try:
            yield
        finally:
            unlock(build)

    def _build_lock(self, entry: Entry, wait: bool) -> int | None:
        while True:
            try:
                return locked(entry.build, fcntl.LOCK_EX, wait=wait)
            except FileNotFoundError:
                self._prepare()

    def _fill(self, entry: Entry, make: Callable[[Path], None], sound: Callable[[Path], bool] | None) -> None:
        """Have the entry there and sound."""
        entry.sweep()
        if not self.keep:
            start_guardian(entry)
        if entry.path.exists() and sound is not None and not sound(entry.path):
            entry.discard()
        if not entry.path.exists():
            entry.part.mkdir(PRIVATE_FOLDER)
            make(entry.part)
            sync(entry.part)
            entry.part.rename(entry.path)
            sync_one(self.root)


def _give_up(entry: Entry, use: int) -> None:
    try:
        entry.settle(use)
    finally:
        unlock(use)


def size_of(path: Path) -> int:
    """Sum the sizes of the files below a folder, in bytes; what vanishes meanwhile counts nothing."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with suppress(FileNotFoundError):
                total += Path(folder, name).lstat().st_size
    return total


@contextmanager
def _free(entry: Entry) -> Iterator[bool]:
    """Hold the build lock of an entry; what is given is False where another has it or the entry has gone."""
    try:
        build = locked(entry.build, fcntl.LOCK_EX, wait=False, create=False)
    except FileNotFoundError:
        build = None
    try:
        yield build is not None
    finally:
        if build is not None:
            unlock(build)


def _is_unused(entry: Entry) -> bool:
    try:
        use = locked(entry.use, fcntl.LOCK_EX, wait=False, create=False)
    except FileNotFoundError:
        return True
    if use is not None:
        unlock(use)
    return use is not None


def _last_use(entry: Entry) -> float:
    path = entry.use if entry.use.exists() else entry.path
    return path.stat().st_mtime

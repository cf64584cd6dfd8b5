"""Copies input files to a faster disk for the time of a run."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tqdm import tqdm

from salt_core import ConfigError, RunError, Staging
from salt_core.shelf import Shelf, size_of
from salt_core.sizes import readable
from salt_plugins.staging.copy.copying import CONTENT, copy_source, is_whole, verify_copy, write_manifest
from salt_plugins.staging.copy.source import Source, look_at

SETTING = "data.move_files_temp"

log = logging.getLogger("salt.staging")


class Copy(Staging):
    """Copies files to a faster disk; the processes of a machine share one copy, and the last one removes it.

    Parameters
    ----------
    verify : bool, optional
        Read each copy back and compare its checksum with the source's.
    """

    def __init__(self, verify: bool = True) -> None:
        self.verify = verify

    @contextmanager
    def stage(self, files: Sequence[Path], target: Path) -> Iterator[Sequence[Path]]:
        """Copy files or folders below `target` for the time of the context.

        Raises
        ------
        RunError
            Where there is too little room, or something cannot be read, written or verified.
        """
        with ExitStack() as users:
            with _told(target):
                copies = self._stage([look_at(file) for file in files], target, users)
            yield copies

    def room(self, target: Path) -> int:
        """Say how many bytes may be written below `target`."""
        found = os.statvfs(target)
        return found.f_bavail * found.f_frsize

    def _stage(self, sources: Sequence[Source], target: Path, users: ExitStack) -> list[Path]:
        target.mkdir(parents=True, exist_ok=True)
        shelf = Shelf(target / f"salt-staging-{os.geteuid()}", keep=False)
        shelf.clean()
        self._check_room(shelf, sources, target)
        return [self._take(shelf, source, users) for source in sources]

    def _check_room(self, shelf: Shelf, sources: Sequence[Source], target: Path) -> None:
        # What another process is copying takes room and is not to be copied again: room is looked at first.
        room = self.room(target)
        there = {entry.name for entry in shelf.entries()}
        missing = {source.key: source for source in sources if source.key not in there}
        size = sum(source.size - size_of(shelf.part_of(key)) for key, source in missing.items())
        if size > room:
            raise RunError(
                f"too little room: {_exact(size)} are to be copied to {target}, which has {_exact(room)} left; "
                "name a larger place, or null to read the files where they are",
                where=SETTING,
            )

    def _take(self, shelf: Shelf, source: Source, users: ExitStack) -> Path:
        made = False

        def make(folder: Path) -> None:
            nonlocal made
            made = True
            self._copy(source, folder)

        lease = shelf.take(source.key, make, is_whole, what=f"a copy of {source.path}")
        users.callback(lease.release)
        copy = lease.path / CONTENT / source.path.name
        if not is_whole(lease.path):
            raise RunError(f"another process removed a part of this copy of {source.path}", where=str(copy))
        if not made:
            log.info("sharing the copy of %s that is at %s", source.path, copy)
        return copy

    def _copy(self, source: Source, folder: Path) -> None:
        name, start = source.path.name, time.perf_counter()
        with _bar(f"copy {name}", source.size) as bar:
            checksums = copy_source(source, folder / CONTENT, bar.update)
        seconds = time.perf_counter() - start
        if self.verify:
            with _bar(f"verify {name}", source.size) as bar:
                verify_copy(folder / CONTENT, source, checksums, bar.update)
        write_manifest(folder, source, checksums)
        log.info(
            "copied %s (%s) in %.1f s, %.0f MB/s, to %s",
            *(source.path, readable(source.size), seconds, source.size / max(seconds, 1e-9) / 1e6),
            folder.parent,
        )


def _bar(text: str, size: int) -> tqdm[None]:
    return tqdm(desc=text, total=size, unit="B", unit_scale=True, leave=False, disable=None)


def _exact(size: int) -> str:
    return f"{readable(size)} ({size} bytes)"


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """Say in one message what the system refused."""
    try:
        yield
    except ConfigError as error:  # of the shelf: what a configuration names, found while it runs
        raise RunError(str(error), where=SETTING) from error
    except OSError as error:
        what = f"{error.strerror} ({error.filename})" if error.filename else str(error)
        hint = "; did another process remove it?" if error.errno == errno.ENOENT else ""
        raise RunError(f"cannot copy to {target}: {what}{hint}", where=SETTING) from error

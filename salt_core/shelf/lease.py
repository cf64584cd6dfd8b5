"""The use of an entry of a shelf."""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType

from salt_core.shelf.entry import Entry, unlock


class Lease:
    """The use of an entry, until it is released or its process ends; also a context.

    Attributes
    ----------
    path : Path
        The entry's folder. Do not write into it.
    """

    def __init__(self, entry: Entry, use: int) -> None:
        self.path = entry.path
        self._entry = entry
        self._use: int | None = use
        self._owner = os.getpid()

    def release(self) -> None:
        """End the use; the last one removes an entry that does not stay. A forked process ends nothing."""
        if self._use is None or os.getpid() != self._owner:
            return
        use, self._use = self._use, None
        try:
            if not self._entry.kept:
                self._leave(use)
        finally:
            unlock(use)

    def _leave(self, use: int) -> None:
        with suppress(FileNotFoundError), self._entry.building():  # not found: all is gone
            self._entry.settle(use)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

"""Stores of random jets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from salt_core.interfaces.dataloader import LoadRequest
from salt_plugins.dataloaders.packed.packing import write_store
from salt_plugins.dataloaders.packed.sources import identities


@pytest.fixture(scope="session")
def pack() -> Callable[[LoadRequest, Path], Path]:
    """Write the store of a request into a new folder."""

    def write(request: LoadRequest, folder: Path) -> Path:
        folder.mkdir()
        write_store(request, identities(request.files, request.selection), folder)
        return folder

    return write


@pytest.fixture
def request_of(jets, source, select, ask) -> Callable[..., LoadRequest]:
    """Make a request of every column of fifty jets."""
    return lambda files=source, **changes: ask(files, select(jets.rows), **changes)


@pytest.fixture
def cache(tmp_path) -> Path:
    """The cache that requests name."""
    return tmp_path / "cache"


@pytest.fixture
def store(jets, source, select, ask, pack, tmp_path) -> Path:
    """A store of fifty jets with every column."""
    return pack(ask(source, select(jets.rows)), tmp_path / "store")


def content_of(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")
    }


@pytest.fixture(scope="session")
def bytes_of_store() -> Callable[[Path], dict[str, bytes]]:
    """Return all files of a store but for notes that processes leave in it."""
    return content_of

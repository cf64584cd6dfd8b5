"""Fixtures for tests of plugins: ``pytest_plugins = ["salt_core.testing.fixtures"]`` in a ``conftest.py``.

They need pytest, which is no dependency of salt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from salt_core.data.batch import JetBatch
from salt_core.data.facts import DataFacts
from salt_core.interfaces.encoder import Encoded
from salt_core.registry import Registry
from salt_core.registry.blocking import VARIABLE as BLOCKED
from salt_core.registry.local import VARIABLE as FILES
from salt_core.testing.jets import make_facts, random_batch, random_encoded


@pytest.fixture
def fresh_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Registry]]:
    """Look for plugins anew, in installed packages and in the files that are given, whatever the user has set."""
    before = set(sys.modules)
    for variable in (BLOCKED, FILES):
        monkeypatch.delenv(variable, raising=False)

    def discover(*files: Path | str) -> Registry:
        return Registry.discover([Path(file) for file in files])

    yield discover
    for name in set(sys.modules) - before:
        if name.startswith("salt_local_"):
            del sys.modules[name]


@pytest.fixture
def salt_facts() -> DataFacts:
    """Tell what the data says: jets with ``pt`` and ``eta``, tracks with ``d0``, ``z0`` and ``phi``."""
    return make_facts()


@pytest.fixture
def salt_batch(salt_facts: DataFacts) -> JetBatch:
    """Make eight random jets with up to five tracks, two of them without any."""
    return random_batch(salt_facts)


@pytest.fixture
def salt_encoded(salt_facts: DataFacts) -> Encoded:
    """Tell sizes of an encoder's vectors: 8 for each track, 16 for each jet."""
    return random_encoded(salt_facts)

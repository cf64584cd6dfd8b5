"""An open store: the order of its streams, and what the system is told ahead of reading."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from salt_plugins.dataloaders.packed import store as module
from salt_plugins.dataloaders.packed.manifest import Manifest
from salt_plugins.dataloaders.packed.store import PackedStore


def test_streams_in_another_order(store, jets, select):
    """The order of the configuration is that of the batch."""
    selection = select(jets.rows)
    turned = replace(selection, variables=dict(reversed(selection.variables.items())))
    batch = PackedStore(store, turned).batch(np.arange(50))
    assert list(batch.streams) == ["muons", "tracks"]


def test_what_is_advised_lies_within_the_files(store, jets, select):
    opened = PackedStore(store, select(jets.rows))
    manifest = Manifest.read(store)
    asked = []

    class Map:
        def __init__(self, size: int) -> None:
            self.size = size

        def __len__(self) -> int:
            return self.size

        def madvise(self, advice: int, start: int, length: int) -> None:
            assert start % module.mmap.PAGESIZE == 0
            assert 0 <= start < start + length <= self.size
            asked.append(length)

    opened._maps = {name: Map(len(mapped)) for name, mapped in opened._maps.items()}
    opened.advise([(0, 10), (10, 50)], module.mmap.MADV_WILLNEED)
    assert len(asked) == 2 * len([file for file in manifest.files.values() if file.bytes])

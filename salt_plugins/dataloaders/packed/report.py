"""What a store holds, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from salt_core import ConfigError
from salt_core.sizes import readable
from salt_plugins.dataloaders.packed.manifest import Manifest, StoredObject, is_store
from salt_plugins.dataloaders.packed.verifying import verify


def report(folder: Path) -> str:
    """Describe the store in `folder`, or in brief the stores in a cache, and verify every byte.

    Raises
    ------
    ConfigError
        Where there is none.
    DataError
        Where one is damaged.
    """
    if is_store(folder):
        return "\n".join(_lines(folder, Manifest.read(folder)))
    stores = [path for path in sorted(folder.iterdir()) if is_store(path)] if folder.is_dir() else []
    if not stores:
        raise ConfigError("there is no packed store here", str(folder))
    return "\n".join(_brief(store) for store in stores)


def _brief(store: Path) -> str:
    manifest = Manifest.read(store)
    verify(store)
    sources = ", ".join(source["path"] for source in manifest.sources)
    return f"{store}  {manifest.num_jets:,} jets, {readable(manifest.bytes)}, intact, made of {sources}"


def _lines(folder: Path, manifest: Manifest) -> Iterator[str]:
    verify(folder)
    size = readable(manifest.bytes)
    yield f"{manifest.num_jets:,} jets, {size} in {len(manifest.files)} files, intact: all checksums agree"
    for name, item in manifest.objects.items():
        yield from _object(name, item, manifest.num_jets)
    yield "made of"
    for source in manifest.sources:
        changed = datetime.fromtimestamp(source["mtime_ns"] / 1e9, tz=UTC)
        yield f"  {source['path']}  {readable(source['size'])}, last changed {changed:%Y-%m-%d %H:%M:%S} UTC"


def _object(name: str, item: StoredObject, num_jets: int) -> Iterator[str]:
    mean = f", {item.rows / num_jets:.2f} a jet" if num_jets and item.rows != num_jets else ""
    limit = "" if item.num_inputs is None else f", of the first {item.num_inputs} of each jet"
    cuts = f", with {' and '.join(item.cuts)}" if item.cuts else ""
    yield f"{name}: {item.rows:,} rows of dataset {item.dataset}{mean}{limit}{cuts}"
    if item.inputs:
        yield f"  inputs: {', '.join(item.inputs)}"
    by_type: dict[str, list[str]] = {}
    for column, dtype in item.columns.items():
        by_type.setdefault(np.dtype(dtype).name, []).append(column)
    yield from (f"  {name}: {', '.join(columns)}" for name, columns in by_type.items())
    for column, classes in item.class_names.items():
        if column in item.columns:
            yield f"  classes of {column}: {', '.join(classes)}"
    for column, number in item.not_finite.items():
        yield f"  not finite: {number} values of {column}"

"""What a store holds, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from salt_core import SaltError
from salt_core.sizes import readable
from salt_plugins.dataloaders.packed.manifest import Manifest, StoredObject
from salt_plugins.dataloaders.packed.store import verify


def report(folder: Path) -> str:
    """Describe the store in `folder`, and verify it."""
    manifest = Manifest.read(folder)
    return "\n".join([*_lines(manifest), _state(folder)])


def _lines(manifest: Manifest) -> Iterator[str]:
    yield f"{manifest.num_jets:,} jets, {readable(manifest.bytes)}, {len(manifest.files)} files"
    for name, item in manifest.objects.items():
        yield from _object(name, item, manifest.num_jets)
    yield "made of"
    for source in manifest.sources:
        changed = datetime.fromtimestamp(source["mtime_ns"] / 1e9, tz=UTC)
        yield f"  {source['path']}  {readable(source['size'])}, last changed {changed:%Y-%m-%d %H:%M:%S} UTC"


def _object(name: str, item: StoredObject, num_jets: int) -> Iterator[str]:
    mean = f", {item.rows / num_jets:.2f} a jet" if num_jets and item.rows != num_jets else ""
    limit = "" if item.num_inputs is None else f", of the first {item.num_inputs} of each jet"
    yield f"{name}: {item.rows:,} rows of dataset {item.dataset}{mean}{limit}"
    if item.inputs:
        yield f"  inputs (float32): {', '.join(item.inputs)}"
    for column, kind in item.columns.items():
        bad = item.not_finite.get(column)
        classes = item.class_names.get(column)
        notes = [f"classes {', '.join(classes)}"] if classes else []
        notes += [f"{bad} values not finite"] if bad else []
        yield f"  {column} ({kind})" + (": " + "; ".join(notes) if notes else "")


def _state(folder: Path) -> str:
    try:
        verify(folder)
    except SaltError as error:
        return f"DAMAGED: {error}"
    return "intact: all checksums agree"

"""A store that is not what was written is never used, whatever happened to it."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salt_core.errors import DataError
from salt_plugins.dataloaders.packed import verifying as module
from salt_plugins.dataloaders.packed import writing
from salt_plugins.dataloaders.packed.manifest import NAME
from salt_plugins.dataloaders.packed.store import PackedStore
from salt_plugins.dataloaders.packed.verifying import verify


def files_of(store: Path) -> list[Path]:
    return sorted(path for path in store.iterdir() if not path.name.startswith(".") and path.stat().st_size)


def flip(path: Path, offset: int, bits: int = 1, touch: bool = True) -> None:
    """Change a byte, and put the modification time back where wanted."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        found = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([found ^ bits]))
    if not touch:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_is_noticed_with_its_modification_time_put_back_too(store, data):
    path = data.draw(st.sampled_from([path for path in files_of(store) if path.name != NAME]))
    offset, bits = data.draw(st.integers(0, path.stat().st_size - 1)), data.draw(st.integers(1, 255))
    touch = data.draw(st.booleans())
    verify(store)  # it is trusted now, until a file is touched
    flip(path, offset, bits, touch)
    try:
        with pytest.raises(DataError, match=rf"{path.name} is damaged: bytes 0 to \d+ have changed"):
            verify(store)
    finally:
        flip(path, offset, bits)
    verify(store)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_of_the_manifest_is_noticed(store, data):
    path = store / NAME
    offset, bits = data.draw(st.integers(0, path.stat().st_size - 1)), data.draw(st.integers(1, 255))
    whole = path.read_bytes()
    verify(store)
    flip(path, offset, bits)
    try:
        blank = {whole[offset], path.read_bytes()[offset]} <= set(b" \t\n\r")
        with nullcontext() if blank else pytest.raises(DataError, match=r"manifest\.json"):
            verify(store)
    finally:
        path.write_bytes(whole)


def test_every_block_has_its_checksum(jets, source, select, ask, pack, tmp_path, monkeypatch):
    for where in (module, writing):
        monkeypatch.setattr(where, "BLOCK", 64)
    store = pack(ask(source, select(jets.rows)), tmp_path / "blocks")
    verify(store)
    path = max(files_of(store), key=lambda path: path.stat().st_size * (path.name != NAME))
    size = path.stat().st_size
    assert size > 3 * 64
    assert size % 64
    for offset in (0, 63, 64, size - size % 64 - 1, size - 1):
        flip(path, offset)
        start = offset // 64 * 64
        with pytest.raises(DataError, match=f"bytes {start} to {min(start + 64, size)} have changed"):
            verify(store)
        flip(path, offset)
    verify(store)


@pytest.mark.parametrize("size", [0, 7])
def test_a_truncated_file(store, jets, select, size):
    verify(store)
    path = store / "tracks.inputs"
    whole = path.stat().st_size
    os.truncate(path, size)
    with pytest.raises(DataError, match=rf"tracks\.inputs has {size} bytes, not the {whole}"):
        verify(store)
    with pytest.raises(DataError, match=rf"tracks\.inputs has {size} bytes, not the {whole}"):
        PackedStore(store, select(jets.rows))


def test_a_longer_file(store):
    with (store / "tracks.starts").open("ab") as file:
        file.write(bytes(8))
    with pytest.raises(DataError, match=r"tracks\.starts has \d+ bytes, not the \d+ that were written"):
        verify(store)


def test_a_missing_file(store, jets, select):
    verify(store)
    (store / "jets.label").unlink()
    for use in (verify, lambda folder: PackedStore(folder, select(jets.rows))):
        with pytest.raises(DataError, match=r"jets\.label cannot be read: No such file"):
            use(store)


def test_files_that_another_verified_are_trusted_for_some_minutes(store, monkeypatch):
    read = []
    check = module._check_block
    monkeypatch.setattr(module, "_check_block", lambda *words: (read.append(words), check(*words)))
    verify(store)
    assert read
    read.clear()
    verify(store)
    assert not read
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + module.TRUST + 1)
    verify(store)
    assert read


def test_a_note_of_another_store_is_not_trusted(store, tmp_path):
    """A copy has the same names and sizes, and what was said of the original beside it."""
    verify(store)
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    path = copy / "jets.inputs"
    flip(path, 3, touch=False)
    with pytest.raises(DataError, match=r"jets\.inputs is damaged"):
        verify(copy)


def test_a_stamp_that_is_no_stamp_is_not_trusted(store, tmp_path):
    verify(store)
    notes = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and "verified" in str(path.relative_to(tmp_path))
    ]
    assert notes
    for text in ("", "[]", "{}", json.dumps({"at": "now"})):
        notes[0].write_text(text)
        flip(store / "jets.inputs", 0)
        with pytest.raises(DataError):
            verify(store)
        flip(store / "jets.inputs", 0)
        verify(store)


def test_verifying_changes_nothing_in_the_store(store):
    """Ranks that look at it one after the other would stage different states of it."""
    before = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    verify(store)
    assert {path.name: path.stat().st_mtime_ns for path in store.iterdir()} == before

"""A store in the cache: made once, made anew where it must be, and removed where room is needed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from shelves import entries_in

from salt_core.data.file_batches import FileBatches
from salt_core.errors import ConfigError, DataError, RunError
from salt_core.interfaces.dataloader import Contents
from salt_core.shelf import size_of
from salt_plugins.dataloaders.packed.batches import PackedBatches
from salt_plugins.dataloaders.packed.loader import Packed, default_cache
from salt_plugins.dataloaders.packed.verifying import verify


def said(log, word: str) -> list[str]:
    return [text for text in log.messages if word in text]


def test_it_is_made_once_and_found_again(request_of, cache, packing_log, same):
    built = [Packed().build(request_of()) for _ in range(2)]
    assert len(said(packing_log, "packed 50 jets")) == 1
    assert not said(packing_log, "anew")
    assert all(isinstance(loader, PackedBatches) for loader in built)
    assert len(entries_in(cache)) == 1
    for one, other in zip(*built, strict=True):
        same(one, other)


def test_a_sample_that_is_read_once_is_not_packed(request_of, cache, same):
    loader = Packed().build(request_of(once=True))
    assert isinstance(loader, FileBatches)
    assert not cache.exists()


@pytest.mark.parametrize("file", ["tracks.inputs", "jets.label", "muons.starts", "manifest.json"])
@pytest.mark.parametrize("restore", [True, False])
def test_a_flipped_byte_is_said_and_the_store_made_anew(request_of, packing_log, same, file, restore):
    (store,) = Packed().prepare(request_of())
    path = store / file
    whole, times = path.read_bytes(), path.stat()
    path.write_bytes(whole[:20] + bytes([whole[20] ^ 4]) + whole[21:])
    if restore:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    packing_log.clear()
    packed = Packed().build(request_of())
    (warning,) = [record for record in packing_log.records if record.levelno == logging.WARNING]
    assert warning.getMessage().startswith("the store of ")
    assert f"jets.h5 is made anew: {path} " in warning.getMessage()
    assert path.read_bytes() == whole
    verify(store)
    for one, other in zip(packed, FileBatches(request_of()), strict=True):
        same(one, other)


@pytest.mark.parametrize("damage", ["missing", "short", "no manifest", "version"])
def test_other_damage_is_said_and_the_store_made_anew(request_of, packing_log, bytes_of_store, damage):
    (store,) = Packed().prepare(request_of())
    whole = bytes_of_store(store)
    if damage == "missing":
        (store / "tracks.inputs").unlink()
    elif damage == "short":
        os.truncate(store / "tracks.inputs", 100)
    elif damage == "no manifest":
        (store / "manifest.json").unlink()
    else:
        text = (store / "manifest.json").read_text()
        (store / "manifest.json").write_text(text.replace('"version": 1', '"version": 0'))
    Packed().prepare(request_of())
    assert len(said(packing_log, "is made anew")) == 1
    assert bytes_of_store(store) == whole


def change(jets, source: Path, how: str) -> str:
    """Change a source, and return what is said of it."""
    times = source.stat()
    jets.rows["jets"]["v_i4"] += 1
    if how == "content":
        jets.write(source)
        return "has another modification time"
    if how == "touched":
        os.utime(source, ns=(0, 0))
        return "has another modification time"
    for name, rows in jets.rows.items():
        jets.rows[name] = np.concatenate([rows, rows])
    jets.write(source)
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    return "has another size and shape or type of a dataset"


@pytest.mark.parametrize("how", ["content", "touched", "more"])
def test_a_source_that_changed_is_said_and_the_store_made_anew(
    request_of, jets, source, packing_log, same, how
):
    size = source.stat().st_size
    Packed().prepare(request_of())
    text = change(jets, source, how)
    assert (source.stat().st_size == size) == (how != "more")
    packed = list(Packed().build(request_of()))
    assert said(packing_log, "anew") == [f"the store of {source} is made anew: {source} {text}"]
    assert sum(batch.num_jets for batch in packed) == (100 if how == "more" else 50)
    for one, other in zip(packed, FileBatches(request_of()), strict=True):
        same(one, other)


@pytest.mark.parametrize("virtual", [False, True])
def test_one_of_several_sources_that_changed(jets, select, ask, packing_log, tmp_path, same, virtual):
    files = (jets.write_virtual(tmp_path, [20]),) if virtual else jets.write_cut(tmp_path, [20])
    request = ask(files, select(jets.rows))
    Packed().prepare(request)
    jets.rows["jets"]["v_i4"] += 1
    jets.write(tmp_path / "part_1.h5", 20)
    packed = Packed().build(request)
    (message,) = said(packing_log, "anew")
    assert message.endswith(f": {tmp_path / 'part_1.h5'} has another modification time")
    for one, other in zip(packed, FileBatches(request), strict=True):
        same(one, other)


def test_a_store_that_is_named_is_used_and_never_made_anew(request_of, store, tmp_path, cache):
    named = request_of(files=(store,))
    assert Packed().prepare(named) == (store,)
    assert isinstance(Packed().build(request_of(files=(store,), once=True)), PackedBatches)
    path = store / "jets.inputs"
    path.write_bytes(b"\x01" + path.read_bytes()[1:])
    damaged = path.read_bytes()
    with pytest.raises(DataError, match=r"jets\.inputs is damaged") as caught:
        Packed().prepare(named)
    assert caught.value.exit_code == 1
    assert path.read_bytes() == damaged
    assert not cache.exists()


def test_a_store_is_no_file_among_several(request_of, store, source):
    with pytest.raises(ConfigError, match=r"data\.train_file: .* is a store, .* cannot be one of several"):
        Packed().build(request_of(files=(store, source)))


def test_a_store_tells_its_contents_as_the_files_do(request_of, store, source):
    found, expected = (Packed().contents(request_of(files=(path,))) for path in (store, source))
    assert isinstance(found, Contents)
    assert found.num_jets == expected.num_jets
    for name, columns in expected.columns.items():
        assert set(found.columns[name]) == {column for column in columns if column != "valid"}


def test_what_a_named_store_lacks_is_told_with_what_it_has(store, jets, select, ask):
    selection = select(jets.rows, columns={"jets": ("v_f44",)})
    with pytest.raises(ConfigError, match=r"has no variable 'v_f44' of 'jets'; did you mean 'v_f4'"):
        Packed().contents(ask(store, selection))


def test_a_store_made_ahead(request_of, store, tmp_path, bytes_of_store, packing_log):
    folder = tmp_path / "new" / "store"
    Packed().pack(request_of(), folder)
    assert bytes_of_store(folder) == bytes_of_store(store)
    with pytest.raises(ConfigError, match="exists; name a new folder"):
        Packed().pack(request_of(), folder)
    assert [path.name for path in folder.parent.iterdir()] == ["store"]


def test_a_store_made_ahead_where_nothing_can_be_written(request_of, source):
    folder = source / "store"
    with pytest.raises(RunError, match=rf"^--out: {folder} cannot be written: .*; name a folder elsewhere$"):
        Packed().pack(request_of(), folder)


def test_a_store_made_ahead_that_cannot_be_made_leaves_nothing(jets, source, request_of, tmp_path):
    jets.rows["jets"]["v_f4"][3] = np.nan
    jets.write(source)
    with pytest.raises(DataError, match="not finite"):
        Packed().pack(request_of(), tmp_path / "new" / "store")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_full_cache_loses_what_was_not_used_for_longest(request_of, cache, packing_log):
    stores = []
    for number in (10, 20, 30):
        loader = Packed(cache_limit="1 GB")
        stores += loader.prepare(request_of(num_jets=number))
        for lease in loader._leases:  # as if the process had ended
            lease.release()
    for store, age in zip(stores, (2000, 3000, 1000), strict=True):
        os.utime(cache / ".locks-kept" / f"{store.name}.use", (age, age))
    limit = size_of(stores[0]) + size_of(stores[1])
    packing_log.clear()
    Packed(cache_limit=limit).prepare(request_of(num_jets=20))
    assert entries_in(cache) == sorted([stores[0].name, stores[1].name])
    (message,) = said(packing_log, "removed the store")
    assert str(stores[2]) in message
    assert "cache_limit" in message


@pytest.mark.parametrize("limit", ["much", 0, "-3 GB"])
def test_a_limit_that_is_no_size(limit):
    with pytest.raises(ConfigError, match=r"data\.loader\.cache_limit"):
        Packed(cache_limit=limit)


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    assert default_cache() == tmp_path / "cache"
    monkeypatch.delenv("SALT_CACHE_DIR")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert default_cache() == tmp_path / f"salt-{os.getuid()}"
    monkeypatch.delenv("TMPDIR")
    assert default_cache().name == f"salt-{os.getuid()}"

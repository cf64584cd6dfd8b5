"""Making a store: what it checks, that workers change nothing, and what a failure leaves."""

from __future__ import annotations

import logging
import re
import subprocess

import h5py
import numpy as np
import pytest
from mounts import mounted

from salt_core.errors import DataError, RunError, SaltError
from salt_plugins.dataloaders.packed import packing
from salt_plugins.dataloaders.packed.loader import Packed
from salt_plugins.dataloaders.packed.manifest import Manifest
from salt_plugins.dataloaders.packed.verifying import verify


def left_in(folder):
    """List what a cache holds but for its folder of locks."""
    return [path.name for path in folder.rglob("*") if path.is_file() or ".locks" not in path.name]


@pytest.fixture
def pieces(monkeypatch):
    """Read in pieces of ten jets, so that several workers have something to do."""
    monkeypatch.setattr(packing, "FEWEST", 10)
    monkeypatch.setattr(packing, "BITE", 1)


@pytest.fixture
def spoil(source):
    """Put a value into rows of a field."""

    def put(name, field, rows, value):
        with h5py.File(source, "r+") as file:
            found = file[name][:]
            found[field][rows] = value
            file[name][...] = found

    return put


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_input_that_is_not_finite_is_named_and_nothing_is_left(
    jets, source, select, ask, spoil, tmp_path, pieces, workers, value
):
    jets.rows["tracks"]["valid"][[12, 44], 2] = True
    jets.write(source)
    spoil("tracks", "v_f4", ([12, 44], [2, 2]), value)
    spoil("jets", "v_f8", [13], value)
    request = ask(source, select(jets.rows), num_workers=workers)
    with pytest.raises(DataError) as caught:
        Packed().prepare(request)
    text = str(caught.value)
    assert f"jets/v_f8 has 1 in 1 of the jets, rows 13 of {source}" in text
    assert f"tracks/v_f4 has 1 in 1 of the jets, rows 12 of {source}" in text
    assert caught.value.exit_code == 1
    assert left_in(tmp_path / "cache") == []


def test_the_file_among_several_is_named(jets, select, ask, tmp_path):
    jets.rows["jets"]["v_f4"][33] = np.nan
    files = jets.write_cut(tmp_path, [30])
    with pytest.raises(DataError, match=rf"rows 3 of {re.escape(str(files[1]))}$"):
        Packed().prepare(ask(files, select(jets.rows)))


def test_slots_that_are_not_valid_may_hold_anything(jets, store):
    assert np.isnan(jets.rows["tracks"]["v_f4"]).any()
    assert np.isfinite(np.fromfile(store / "tracks.inputs", "<f4")).all()


def test_labels_may_be_missing_and_are_counted(jets, store, pieces):
    item = Manifest.read(store).objects["tracks"]
    kept = jets.rows["tracks"]["label"][jets.rows["tracks"]["valid"]]
    assert item.not_finite["label"] == np.isnan(kept).sum() > 0
    assert np.array_equal(np.fromfile(store / "tracks.label", "<f4"), kept, equal_nan=True)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_workers_and_pieces_make_the_same_bytes(
    jets, source, select, ask, pack, store, pieces, tmp_path, bytes_of_store, workers
):
    other = pack(ask(source, select(jets.rows), num_workers=workers), tmp_path / "other")
    assert bytes_of_store(other) == bytes_of_store(store)
    verify(other)


def test_only_so_many_jets(jets, source, select, ask, pack, tmp_path):
    store = pack(ask(source, select(jets.rows), num_jets=20), tmp_path / "some")
    assert Manifest.read(store).num_jets == 20
    expected = jets.rows["tracks"]["v_i4"][:20][jets.rows["tracks"]["valid"][:20]]
    assert np.array_equal(np.fromfile(store / "tracks.v_i4", "<i4"), expected)


def test_a_sample_without_a_valid_constituent(jets, source, select, ask, pack, tmp_path):
    jets.rows["muons"]["valid"] = False
    jets.write(source)
    store = pack(ask(source, select(jets.rows)), tmp_path / "none")
    verify(store)
    assert Manifest.read(store).objects["muons"].rows == 0
    assert np.fromfile(store / "muons.starts", "<i8").tolist() == [0] * 51


def test_what_was_done_is_said(jets, source, select, ask, packing_log):
    Packed().prepare(ask(source, select(jets.rows)))
    (message,) = [text for text in packing_log.messages if text.startswith("packed ")]
    assert re.fullmatch(rf"packed 50 jets of {source} in \d+\.\d s \([\d,]+ jets/s\), [\d.]+ KB", message)


def test_a_file_that_cannot_be_read_midway(jets, source, select, ask, tmp_path, monkeypatch):
    jets.write(source, chunks=True, compression="gzip")
    request = ask(source, select(jets.rows))
    with h5py.File(source) as file:
        at = file["tracks"].id.get_chunk_info(0).byte_offset
    with source.open("r+b") as file:
        file.seek(at)
        file.write(bytes(64))
    with pytest.raises(DataError, match=r"jets\.h5: rows 0 to \d+ cannot be read"):
        Packed().prepare(request)
    assert left_in(tmp_path / "cache") == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_disk_that_is_full_leaves_nothing(jets, source, select, ask, tmp_path, workers):
    with mounted(tmp_path / "small", "size=24k"):
        cache = tmp_path / "small" / "cache"
        with pytest.raises(RunError) as caught:
            Packed().prepare(ask(source, select(jets.rows), cache_dir=cache, num_workers=workers))
        assert left_in(cache) == []
    text = str(caught.value)
    assert f"the store of {source} cannot be kept in {cache}: No space left on device" in text
    assert text.endswith("data.cache_dir names another folder")
    assert caught.value.exit_code == 1


def test_a_disk_that_refuses_to_sync_is_told(jets, source, select, ask, tmp_path, monkeypatch):
    """What a file system over the network has not written yet may fail at the very end."""

    def refuse(descriptor):
        raise OSError(122, "Disk quota exceeded")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(SaltError, match="Disk quota exceeded"):
        Packed().prepare(ask(source, select(jets.rows)))
    assert left_in(tmp_path / "cache") == []


def test_a_cache_that_is_read_only_is_told(jets, source, select, ask, tmp_path):
    with mounted(tmp_path / "disk", "ro"):
        request = ask(source, select(jets.rows), cache_dir=tmp_path / "disk" / "cache")
        with pytest.raises(SaltError, match=r"disk/cache: cannot make this folder: Read-only file system"):
            Packed().prepare(request)


def test_a_cache_that_became_read_only_is_told(jets, source, select, ask, tmp_path):
    place = tmp_path / "disk"
    with mounted(place, "size=1m"):
        first = ask(source, select(jets.rows), cache_dir=place / "cache")
        loader = Packed()
        loader.prepare(first)
        for lease in loader._leases:  # as if the process had ended
            lease.release()
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        other = ask(source, select(jets.rows), cache_dir=place / "cache", num_jets=9)
        with pytest.raises(SaltError, match=r"Read-only file system"):
            Packed().prepare(other)


def test_an_entry_of_the_log_is_no_warning(jets, source, select, ask, packing_log):
    Packed().prepare(ask(source, select(jets.rows)))
    assert all(record.levelno == logging.INFO for record in packing_log.records)

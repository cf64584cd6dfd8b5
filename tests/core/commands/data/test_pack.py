"""``salt data pack`` and ``salt data info``: stores of whole files, and what is told of them."""

from __future__ import annotations

import pytest


@pytest.fixture
def stores(sample, salt):
    """Pack the first 30 jets of the training sample, and all of the validation sample, into one folder."""
    folder = sample.folder / "stores"
    folder.mkdir()
    for name, words in (("train", ["--num_jets", 30]), ("val", [])):
        done = salt("data", "pack", sample.file(name), "--out", folder / name, *words)
        assert done.code == 0, done.err
        assert f"The store is in {folder.relative_to(sample.folder) / name}" in done.out
    return folder


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_store_holds_every_number_of_the_file(sample, salt, stores):
    told = salt("data", "info", stores / "train")
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    assert lines[0].startswith("30 jets, ")
    assert lines[0].endswith(", intact: all checksums agree")
    (tracks,) = [line for line in lines if line.startswith("tracks: ")]
    assert "rows of dataset tracks, " in tracks
    assert tracks.endswith(" a jet")
    assert any(str(sample.file("train")) in line for line in lines)
    (jets,) = [line for line in lines if line.startswith("jets: 30 rows of dataset jets")]
    of_jets = lines[lines.index(jets) + 1 : lines.index(tracks)]
    types = [line.split(":")[0] for line in of_jets if line.startswith(("  float", "  int"))]
    assert "  float32" in types
    assert len(types) == len(set(types)), "each type is a line of its own"


def test_a_cache_is_a_line_for_each_store(salt, stores):
    told = salt("data", "info", stores)
    assert told.code == 0, told.err
    train, val = told.out.splitlines()
    assert train.startswith(f"{stores / 'train'}  30 jets, ")
    assert val.startswith(f"{stores / 'val'}  ")
    assert all(", intact, made of " in line for line in (train, val))


@pytest.mark.parametrize("whole_cache", [False, True])
def test_damage_is_told(salt, stores, whole_cache):
    damage(stores / "train" / "jets.pt")
    told = salt("data", "info", stores if whole_cache else stores / "train")
    assert told.code == 1
    assert f"{stores / 'train' / 'jets.pt'} is damaged" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_without_a_store(salt, tmp_path, there):
    folder = tmp_path / "none"
    if there:
        folder.mkdir()
    told = salt("data", "info", folder)
    assert told.code == 2
    assert f"{folder}: there is no packed store here" in told.err


def test_a_store_is_never_written_over(sample, salt, stores):
    before = {path.name: path.read_bytes() for path in (stores / "train").iterdir()}
    done = salt("data", "pack", sample.file("val"), "--out", stores / "train")
    assert done.code == 2
    assert str(stores / "train") in done.err
    assert {path.name: path.read_bytes() for path in (stores / "train").iterdir()} == before


def test_files_that_are_not_there(sample, salt):
    done = salt("data", "pack", "none*.h5", "--out", "stored")
    assert done.code == 2
    assert "none*.h5" in done.err
    assert not (sample.folder / "stored").exists()

"""The description of a store: what it tells, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from salt_core.errors import DataError
from salt_plugins.dataloaders.packed.manifest import (
    INPUTS,
    NAME,
    STARTS,
    Manifest,
    column_file,
    file_name,
    is_store,
    missing,
    stored_type,
)


def test_it_comes_back_as_it_was_written(store, tmp_path):
    manifest = Manifest.read(store)
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest


def test_it_tells_what_the_store_holds(store, jets, source, select):
    manifest = Manifest.read(store)
    selection = select(jets.rows)
    assert (manifest.global_object, manifest.num_jets, manifest.streams) == ("jets", 50, ("tracks", "muons"))
    assert manifest.bytes == sum(
        path.stat().st_size for path in store.iterdir() if path.name != NAME and path.name[0] != "."
    )
    for name, item in manifest.objects.items():
        rows = jets.rows[name]
        assert item.rows == (50 if name == "jets" else rows["valid"].sum())
        assert tuple(item.inputs) == selection.variables[name]
        assert set(item.columns) == set(selection.columns[name])
        kept = rows["label"] if name == "jets" else rows["label"][rows["valid"]]
        assert item.not_finite == {"label": np.isnan(kept).sum()}
    (made_of,) = manifest.sources
    assert made_of["path"] == str(source)
    assert made_of["size"] == source.stat().st_size
    assert made_of["mtime_ns"] == source.stat().st_mtime_ns
    assert made_of["datasets"]["tracks"]["shape"] == [50, 6]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"version": 1}', "\xff"])
def test_a_damaged_one_is_refused(store, text):
    (store / NAME).write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=rf"{NAME} "):
        Manifest.read(store)


@pytest.mark.parametrize("key", ["num_jets", "objects", "files", "sources", "global_object"])
def test_one_that_lacks_something_is_refused(store, key):
    found = json.loads((store / NAME).read_text())
    del found[key]
    (store / NAME).write_text(json.dumps(found))
    with pytest.raises(DataError, match=rf"{NAME} "):
        Manifest.read(store)


def test_another_version_is_told(store):
    found = json.loads((store / NAME).read_text())
    (store / NAME).write_text(json.dumps(found | {"version": 99}))
    with pytest.raises(DataError, match="is of version 99; this is for version 1"):
        Manifest.read(store)


def test_a_folder_is_a_store_by_its_manifest(store, tmp_path):
    assert is_store(store)
    assert not is_store(tmp_path)
    assert not is_store(tmp_path / "no")


@pytest.mark.parametrize(
    ("given", "kept"),
    [("f2", "<f4"), ("f8", "<f4"), (">i4", "<i4"), ("u1", "|u1"), ("?", "|b1"), (">i8", "<i8")],
)
def test_types_are_kept_but_for_floats(given, kept):
    assert stored_type(np.dtype(given)).str == kept


def test_an_object_in_a_group_has_files_of_its_own():
    assert file_name("event/jets", "pt") == "event%2Fjets.pt"


def test_all_that_is_missing(store, jets, select):
    selection = select(
        jets.rows,
        variables={"jets": ("v_f4", "mass"), "tracks": ("d0",), "hits": ()},
        columns={"jets": ("event",)},
    )
    expected = [("jets", "mass"), ("jets", "event"), ("tracks", "d0"), ("hits", "")]
    assert missing(Manifest.read(store), selection) == expected


def test_no_two_columns_share_a_file():
    odd = ["inputs", "starts", "%inputs", "a/b", "a.b", "a%2Fb", "ünï", "x"]
    names = [column_file("jets", column) for column in odd] + [
        file_name("jets", part) for part in (INPUTS, STARTS)
    ]
    names += [column_file("jets.a", "b"), column_file("jets/a", "b")]
    assert len(set(names)) == len(names)
    assert not any("/" in name for name in names)

"""How a store knows whether its files are still those it was made of."""

from __future__ import annotations

import os
from dataclasses import replace

import h5py
import numpy as np
import pytest

from salt_plugins.dataloaders.packed.sources import changes, identities, key_of


@pytest.fixture
def look(jets, select):
    return lambda *files: identities(files, select(jets.rows))


def test_nothing_changed(look, source):
    assert changes(look(source), look(source)) == []


def test_a_touched_file(look, source):
    before = look(source)
    os.utime(source, ns=(0, source.stat().st_mtime_ns + 1))
    assert changes(before, look(source)) == [f"{source} has another modification time"]


def test_another_size(look, source):
    before = look(source)
    times = source.stat()
    with source.open("ab") as file:
        file.write(b"x")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert changes(before, look(source)) == [f"{source} has another size"]


@pytest.mark.parametrize("what", ["shape", "type"])
def test_another_shape_or_type_of_a_dataset(look, jets, source, what):
    before = look(source)
    rows = jets.rows["tracks"]
    with h5py.File(source, "r+") as file:
        del file["tracks"]
        if what == "shape":
            file["tracks"] = rows[:, :4]
        else:
            file["tracks"] = rows.astype([*rows.dtype.descr[:-1], (rows.dtype.names[-1], "f8")])
    (said,) = changes(before, look(source))
    assert "shape or type of a dataset" in said


def test_files_that_come_and_go(look, jets, tmp_path):
    one, two = jets.write_cut(tmp_path, [20])
    assert changes(look(one), look(one, two)) == [f"{two} was not there"]
    assert changes(look(one, two), look(two)) == [f"{one} is not used any more"]


def test_one_of_two_files(look, jets, tmp_path):
    one, two = jets.write_cut(tmp_path, [20])
    before = look(one, two)
    os.utime(two, ns=(0, 0))
    assert changes(before, look(one, two)) == [f"{two} has another modification time"]


def test_what_lies_behind_a_virtual_dataset(look, jets, tmp_path):
    virtual = jets.write_virtual(tmp_path, [20, 30])
    before = look(virtual)
    behind = [str(tmp_path / f"part_{i}.h5") for i in range(3)]
    assert [item["path"] for item in before] == [str(virtual), *behind]
    os.utime(behind[1], ns=(0, 0))
    assert changes(before, look(virtual)) == [f"{behind[1]} has another modification time"]


def test_what_lies_behind_a_virtual_dataset_of_virtual_ones(look, jets, tmp_path):
    inner = jets.write_virtual(tmp_path, [20])
    outer = tmp_path / "outer.h5"
    with h5py.File(outer, "w") as file:
        for name, rows in jets.rows.items():
            layout = h5py.VirtualLayout(rows.shape, rows.dtype)
            layout[:] = h5py.VirtualSource(inner.name, name, rows.shape, rows.dtype)
            file.create_virtual_dataset(name, layout)
    before = look(outer)
    os.utime(tmp_path / "part_0.h5", ns=(0, 0))
    assert changes(before, look(outer)) == [f"{tmp_path / 'part_0.h5'} has another modification time"]


def test_a_file_behind_an_external_dataset(look, jets, source, tmp_path):
    values = np.ascontiguousarray(jets.rows["jets"])
    (source.parent / "jets.raw").write_bytes(values.tobytes())
    with h5py.File(source, "r+") as file:
        del file["jets"]
        external = [("jets.raw", 0, values.nbytes)]
        file.create_dataset("jets", values.shape, values.dtype, external=external)
    before = look(source)
    os.utime(source.parent / "jets.raw", ns=(0, 0))
    (said,) = changes(before, look(source))
    assert said == f"{source.parent / 'jets.raw'} has another modification time"


def test_whatever_makes_another_store_has_another_key(jets, source, select):
    selection = select(jets.rows)
    others = [
        replace(selection, variables={**selection.variables, "jets": ("v_f4",)}),
        replace(selection, variables={**selection.variables, "jets": selection.variables["jets"][::-1]}),
        replace(selection, columns={**selection.columns, "jets": ("label",)}),
        replace(selection, datasets={**selection.datasets, "jets": "event/jets"}),
        replace(selection, num_inputs={"tracks": 3}),
        replace(selection, global_object="events"),
    ]
    keys = [key_of([source], one, -1) for one in (selection, *others)]
    keys += [key_of([source, source], selection, -1), key_of([source], selection, 10)]
    keys += [key_of([source.with_name("b.h5")], selection, -1)]
    assert len(set(keys)) == len(keys)


def test_the_order_of_raw_columns_does_not_matter(jets, source, select):
    selection = select(jets.rows)
    turned = replace(selection, columns={name: found[::-1] for name, found in selection.columns.items()})
    assert key_of([source], turned, -1) == key_of([source], selection, -1)


def test_the_key_is_that_of_the_place_not_of_the_way_to_it(jets, source, select, monkeypatch):
    monkeypatch.chdir(source.parent)
    selection = select(jets.rows)
    relative = source.relative_to(source.parent)
    assert key_of([relative], selection, -1) == key_of([source], selection, -1)

"""Cuts on jets and constituents, wherever rows are read."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from salt_core.data import passing, rows
from salt_core.data.assemble import batch_of
from salt_core.data.contents import contents_of
from salt_core.data.cuts import cuts_of
from salt_core.data.request import LoadRequest, Selection
from salt_core.data.rows import JetFiles
from salt_plugins.dataloaders.hdf5.loader import Hdf5
from salt_plugins.dataloaders.packed.loader import Packed

PLAIN = Selection(
    "jets",
    {"jets": ("pt",), "tracks": ("d0",)},
    {"jets": ("event",), "tracks": ("origin",)},
    {"jets": "jets", "tracks": "tracks"},
    {},
)
CUTS = {"jets": cuts_of(["eta > 0", "flavour_label != 3"], ""), "tracks": cuts_of("hits >= 4", "")}
CUT = replace(PLAIN, cuts=CUTS)


def expected(path) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the rows that pass, and the values of their constituents, by h5py alone."""
    with h5py.File(path) as file:
        jets, tracks = file["jets"][:], file["tracks"][:]
    passed = np.flatnonzero((jets["eta"] > 0) & (jets["flavour_label"] != 3))
    kept = tracks["valid"] & (tracks["hits"] >= 4)
    return passed, [tracks["d0"][row][kept[row]] for row in passed]


def by_row(batches) -> dict[int, list[float]]:
    """Return the constituents of each jet by its row, and check what the jets say of themselves."""
    found = {}
    for batch in batches:
        assert batch.raw("jets")["event"].tolist() == batch.rows.tolist()
        values = batch.streams["tracks"]
        parts = values.x[:, 0].split(values.layout.host_lengths.tolist())
        found |= {row: part.tolist() for row, part in zip(batch.rows.tolist(), parts, strict=True)}
    return found


@pytest.mark.parametrize("bite", [1, 7, 1000])
def test_rows_that_pass_and_nothing_else(sample, monkeypatch, bite):
    monkeypatch.setattr(rows, "FEWEST", bite)
    monkeypatch.setattr(passing, "SLAB", 33)
    passing._passing_of.cache_clear()
    paths = [sample.file("train"), sample.file("val")]
    files = JetFiles(paths, replace(CUT, columns={}))
    places, values = zip(*(expected(path) for path in paths), strict=True)
    all_rows = np.concatenate([places[0], 100 + places[1]])
    assert files.num_jets == len(all_rows) == contents_of(paths, CUT).num_jets
    for start, stop in ((0, len(all_rows)), (3, 4), (len(places[0]) - 2, len(places[0]) + 3)):
        batch = batch_of(files.read(start, stop), files.selection, files.places)
        assert sorted(batch.rows.tolist()) == all_rows[start:stop].tolist()
        flat = sorted(v for part in (values[0] + values[1])[start:stop] for v in part.astype("f4").tolist())
        assert sorted(batch.streams["tracks"].x[:, 0].tolist()) == flat


@pytest.mark.parametrize("loader", [Hdf5(), Packed()], ids=["hdf5", "packed"])
@pytest.mark.parametrize("training", [True, False])
def test_either_loader(sample, loader, training):
    path = sample.file("train")
    request = LoadRequest((path,), CUT, batch_size=8, training=training)
    assert loader.contents(request).num_jets == len(expected(path)[0])
    loader.prepare(request)
    found = by_row(loader.build(request))
    passed, values = expected(path)
    assert sorted(found) == passed.tolist()
    for row, part in zip(passed.tolist(), values, strict=True):
        assert found[row] == part.astype("f4").tolist()


def test_stores_of_other_cuts_are_not_taken(sample, tmp_path):
    path = sample.file("train")
    request = LoadRequest((path,), CUT)
    (cut,) = Packed().prepare(request)
    (plain,) = Packed().prepare(replace(request, selection=PLAIN))
    assert cut != plain
    Packed().pack(request, tmp_path / "store")
    named = replace(request, files=(tmp_path / "store",))
    assert len(list(Packed().build(named))) == 1
    with pytest.raises(
        Exception, match=r"data\.selections has no cuts for jets, but the store .* eta > 0 and "
    ):
        Packed().build(replace(named, selection=PLAIN))
    assert "with eta > 0 and flavour_label != 3" in Packed().describe(tmp_path / "store")


def test_a_column_of_a_cut_that_is_not_there(sample):
    odd = replace(PLAIN, cuts={"tracks": cuts_of("hit > 1", "")})
    with pytest.raises(Exception, match=r"no variable 'hit'; did you mean 'hits'"):
        contents_of([sample.file("train")], odd)

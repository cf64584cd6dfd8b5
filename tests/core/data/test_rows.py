"""Rows of several files that read as one."""

from __future__ import annotations

import os
import pickle
from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.lib.recfunctions import drop_fields

from salt_core.data import rows as module
from salt_core.data.assemble import batch_of
from salt_core.data.request import Selection
from salt_core.data.rows import JetFiles, take
from salt_core.errors import DataError

SELECTION = Selection(
    "jets",
    {"jets": ("pt",), "tracks": ("d0",)},
    {"jets": ("event",), "tracks": ("origin",)},
    {"jets": "jets", "tracks": "tracks"},
    {},
)


def cut(sample, edges) -> list:
    """Write the training sample in pieces."""
    made = []
    with h5py.File(sample.file("train")) as source:
        for number, (start, stop) in enumerate(pairwise(edges)):
            made.append(sample.folder / f"part_{number}.h5")
            with h5py.File(made[-1], "w") as file:
                for name in ("jets", "tracks"):
                    file[name] = source[name][start:stop]
    return made


def assert_equal(one, other) -> None:
    assert one.records.keys() == other.records.keys()
    for name, rows in one.records.items():
        for field in SELECTION.wanted(name):
            assert np.array_equal(rows[field], other.records[name][field]), (name, field)
    for stream, lengths in one.lengths.items():
        assert np.array_equal(lengths, other.lengths[stream])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_rows_of_any_pieces(sample, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, 100), max_size=4)))
    files = JetFiles(cut(sample, [0, *cuts, 100]), SELECTION)
    whole = JetFiles([sample.file("train")], SELECTION)
    start = data.draw(st.integers(0, 99))
    stop = data.draw(st.integers(start + 1, 100))
    assert files.num_jets == 100
    assert_equal(files.read(start, stop), whole.read(start, stop))


def test_the_place_of_rows(sample):
    one, two = cut(sample, [0, 40, 100])
    files = JetFiles([one, two], SELECTION)
    assert files.places(np.array([39, 40, 41])) == f"rows 39 of {one} and rows 0, 1 of {two}"
    assert files.places(np.arange(50, 60)) == f"rows 10, 11, 12, 13, 14, ... of {two}"


def test_files_may_differ_in_what_is_not_wanted(sample):
    one, two = cut(sample, [0, 40, 100])
    with h5py.File(two, "r+") as file:
        jets = file["jets"][:]
        del file["jets"]
        file["jets"] = drop_fields(jets, "eta")
    whole = JetFiles([sample.file("train")], SELECTION)
    assert_equal(JetFiles([one, two], SELECTION).read(30, 60), whole.read(30, 60))


def test_only_some_files_are_open(sample, monkeypatch):
    monkeypatch.setattr(module, "OPEN_FILES", 2)
    files = JetFiles(cut(sample, [0, 20, 40, 60, 80, 100]), SELECTION)
    for start in (0, 20, 40, 60, 80, 0):
        files.read(start, start + 20)
        assert len(files._open._readers) <= 2
    files.close()
    assert not files._open._readers
    assert files.read(0, 5).records["jets"].shape == (5,)


def test_open_files_do_not_go_to_other_processes(sample):
    files = JetFiles([sample.file("train")], SELECTION)
    files.read(0, 1)
    sent = pickle.loads(pickle.dumps(files))
    assert not sent._open._readers
    assert_equal(sent.read(3, 9), files.read(3, 9))


def test_a_forked_process_opens_the_files_anew(sample):
    files = JetFiles([sample.file("train")], SELECTION)
    files.read(0, 1)
    before = files._open._readers
    child = os.fork()
    if not child:
        files.read(0, 1)
        os._exit(0 if files._open._readers is not before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_cut_short_later(sample):
    files = JetFiles([sample.file("train")], SELECTION)
    files.read(0, 1)
    os.truncate(sample.file("train"), 9000)
    files.close()
    with pytest.raises(DataError, match=r"train\.h5"):
        files.read(0, 100)


def test_bytes_per_jet_count_every_slot(sample):
    with h5py.File(sample.file("train")) as file:
        expected = file["jets"].dtype.itemsize + 6 * file["tracks"].dtype.itemsize
    assert JetFiles([sample.file("train")], SELECTION).bytes_per_jet() == expected


def test_taking_rows_as_plain_bytes():
    records = np.zeros(9, dtype=[("a", "f2"), ("b", "?"), ("c", "i8")])
    records["c"] = np.arange(9)
    found = take(records[::2], np.array([4, 0, 0]))
    assert found.dtype == records.dtype
    assert found["c"].tolist() == [8, 0, 0]


def test_files_of_which_no_field_of_the_jets_is_wanted_read_as_one(sample):
    """The labels of tracks alone, say."""
    selection = Selection("jets", {"jets": (), "tracks": ()}, {"tracks": ("origin",)}, SELECTION.datasets, {})
    one = JetFiles([sample.file("val")], selection)
    two = JetFiles([sample.file("train"), sample.file("val")], selection)
    joined, alone = two.read(90, 110), one.read(0, 10)
    assert len(joined.records["jets"]) == 20
    assert joined.lengths["tracks"][10:].tolist() == alone.lengths["tracks"].tolist()
    origins = joined.records["tracks"]["origin"][-alone.lengths["tracks"].sum() :]
    assert origins.tolist() == alone.records["tracks"]["origin"].tolist()
    assert len(batch_of(joined, selection, two.places).rows) == 20

"""Rows in blocks: whole chunks, never more than fits, every row once."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from salt_core.data import blocks
from salt_core.data.blocks import datasets_of, entries_of, read_blocks, rows_at_once, tables_of

ROW = 8


def dataset(file, num_rows, chunk):
    chunks = None if chunk is None else (chunk,)
    return file.create_dataset("x", data=np.arange(num_rows, dtype="i8"), chunks=chunks)


@pytest.mark.parametrize(
    ("chunk", "block", "most", "rows"),
    [
        (None, 10 * ROW, 100 * ROW, 10),
        (3, 10 * ROW, 100 * ROW, 9),
        (10, 10 * ROW, 100 * ROW, 10),
        (25, 10 * ROW, 100 * ROW, 25),
        (25, 10 * ROW, 20 * ROW, 20),
        (25, 1, 1, 1),
    ],
)
def test_blocks_are_whole_chunks_unless_one_is_too_large(tmp_path, monkeypatch, chunk, block, most, rows):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block)
    monkeypatch.setattr(blocks, "MOST_BYTES", most)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        values = dataset(file, 57, chunk)
        assert rows_at_once(values) == rows
        parts = list(read_blocks(values, 57))
        assert [len(part) for part in parts[:-1]] == [rows] * (len(parts) - 1)
        assert np.concatenate(parts).tolist() == list(range(57))
        assert np.concatenate(list(read_blocks(values, 31))).tolist() == list(range(31))
        assert list(read_blocks(values, 0)) == []


def test_groups_that_hold_each_other_are_listed_once(tmp_path):
    with h5py.File(tmp_path / "loop.h5", "w") as file:
        file.create_group("a/b")
        file["a/b/up"] = file["a"]
        file["a/b/root"] = file["/"]
        file["a/x"] = 1
        assert [entry.path for entry in entries_of(file)] == ["a", "a/b", "a/b/root", "a/b/up", "a/x"]


def test_datasets_and_tables_by_path_behind_links_too(tmp_path):
    table = np.zeros(2, [("pt", "f4")])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["far"] = table
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["plain"], file["group/jets"] = 1.0, table
        file["soft"] = h5py.SoftLink("/group/jets")
        file["far"] = h5py.ExternalLink("other.h5", "/far")
        file["gone"] = h5py.SoftLink("/nothing")
        assert list(datasets_of(file)) == ["far", "group/jets", "plain", "soft"]
        assert list(tables_of(file)) == ["far", "group/jets", "soft"]
        assert tables_of(file)["far"].dtype.names == ("pt",)

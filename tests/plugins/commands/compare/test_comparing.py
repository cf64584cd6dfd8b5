from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from salt_plugins.commands.compare import comparing
from salt_plugins.commands.compare.comparing import Column, compare_files, table_of

JETS = [("GN2_pb", "f4"), ("event", "i8"), ("name", "S4")]


def make_jets(num_jets: int = 5) -> np.ndarray:
    jets = np.zeros(num_jets, dtype=JETS)
    jets["GN2_pb"] = np.linspace(0, 1, num_jets)
    jets["event"] = 2**60 + np.arange(num_jets)
    jets["name"] = b"a"
    return jets


def make_tracks(num_jets: int = 5) -> np.ndarray:
    tracks = np.zeros((num_jets, 3), dtype=[("GN2_pfake", "f2"), ("valid", "?")])
    tracks["GN2_pfake"][:, 2] = np.nan
    return tracks


@pytest.fixture
def compared(tmp_path: Path):
    """Compare two files that are alike but for what `change` does to the arrays of the second."""

    def run(change=lambda arrays: None, atol: float = 0.0, rtol: float = 0.0) -> dict[str, Column]:
        arrays = {"jets": make_jets(), "more/tracks": make_tracks(), "plain": np.arange(4.0)}
        with h5py.File(tmp_path / "a.h5", "w") as a, h5py.File(tmp_path / "b.h5", "w") as b:
            for name, array in arrays.items():
                a[name] = array
            arrays = {name: array.copy() for name, array in arrays.items()}
            change(arrays)
            for name, array in arrays.items():
                b[name] = array
            return {column.name: column for column in compare_files(a, b, atol, rtol)}

    return run


def wrong(columns: dict[str, Column]) -> list[str]:
    return [name for name, column in columns.items() if not column.agrees]


def test_the_same(compared):
    columns = compared()
    assert set(columns) == {
        *("jets/GN2_pb", "jets/event", "jets/name"),
        *("more/tracks/GN2_pfake", "more/tracks/valid", "plain"),
    }
    assert not wrong(columns)
    assert all(column.absolute == column.relative == column.one_nan == 0 for column in columns.values())


def test_differences_are_measured(compared):
    def change(arrays):
        arrays["jets"]["GN2_pb"][2:4] += [0.25, 0.5]

    column = compared(change)["jets/GN2_pb"]
    assert (column.absolute, column.wrong) == (0.5, 2)
    assert column.relative == pytest.approx(0.5 / 1.25)


@pytest.mark.parametrize(
    ("atol", "rtol", "agrees"), [(0.5, 0, True), (0.49, 0, False), (0, 0.4, True), (0, 0.39, False)]
)
def test_what_is_allowed(compared, atol, rtol, agrees):
    def change(arrays):
        arrays["jets"]["GN2_pb"][3] += 0.5

    assert compared(change, atol, rtol)["jets/GN2_pb"].agrees is agrees


def test_nan_agrees_with_nan_alone(compared):
    def change(arrays):
        arrays["more/tracks"]["GN2_pfake"][0, 1] = np.nan
        arrays["more/tracks"]["GN2_pfake"][1, 2] = 0

    column = compared(change, atol=9, rtol=9)["more/tracks/GN2_pfake"]
    assert (column.one_nan, column.wrong, column.agrees) == (2, 2, False)


def test_infinity_agrees_with_itself_alone(compared):
    def change(arrays):
        arrays["plain"][1] = np.inf

    column = compared(change, atol=9, rtol=9)["plain"]
    assert (column.wrong, column.absolute) == (1, np.inf)


def test_long_integers_are_compared_to_the_bit(compared):
    def change(arrays):
        arrays["jets"]["event"][0] += 1

    assert wrong(compared(change)) == ["jets/event"]


def test_texts_and_flags(compared):
    def change(arrays):
        arrays["jets"]["name"][1] = b"b"
        arrays["more/tracks"]["valid"][0, 0] = True

    assert wrong(compared(change, atol=0.5)) == ["jets/name", "more/tracks/valid"]


def test_what_one_file_alone_has(compared):
    def change(arrays):
        del arrays["plain"]
        arrays["other"] = np.zeros(2)
        arrays["more/tracks"] = arrays["more/tracks"][:3]
        arrays["jets"] = arrays["jets"][["GN2_pb", "event"]]

    columns = compared(change)
    assert {name: column.trouble for name, column in columns.items() if column.trouble} == {
        "jets/name": "in the first file alone",
        "plain": "in the first file alone",
        "other": "in the second file alone",
        "more/tracks": "5 x 3 and 3 x 3 rows",
    }


def test_files_are_read_in_pieces(compared, monkeypatch):
    monkeypatch.setattr(comparing, "PIECE_BYTES", 40)

    def change(arrays):
        arrays["jets"]["GN2_pb"] += 0.5
        arrays["jets"]["GN2_pb"][-1] += 0.5

    column = compared(change)["jets/GN2_pb"]
    assert (column.wrong, column.absolute) == (5, 1.0)


def test_the_table_marks_what_differs():
    lines = table_of([Column("jets/a", absolute=0.5, wrong=2), Column("jets/b"), Column("c", "no rows")])
    assert [line[0] for line in lines] == [" ", "!", " ", "!"]
    assert lines[1].split() == ["!", "jets/a", "0.5", "0", "0", "2"]
    assert lines[3] == "! c       no rows"

"""What is noted of data files, and how much of them is read for it."""

from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from salt_core.data import fingerprint
from salt_core.data.fingerprint import MIB, checksum_of_ends, fingerprints


def write(path: Path, rows: int) -> Path:
    with h5py.File(path, "w") as file:
        file["jets"] = np.zeros(rows, dtype=[("pt", "f4")])
    return path


def test_path_size_rows_and_checksum_of_each_file(tmp_path):
    one, two = write(tmp_path / "one.h5", 3), write(tmp_path / "two.h5", 5)
    told = fingerprints({"train_file": [one, two], "val_file": [one]}, "jets")
    assert told["checksum"] == f"crc32 of the first {MIB} and the last {MIB} bytes"
    assert [entry["rows"] for entry in told["train_file"]] == [3, 5]
    assert told["val_file"] == told["train_file"][:1]
    assert told["train_file"][1] == {
        "path": str(two),
        "size": two.stat().st_size,
        "rows": 5,
        "crc32": f"{zlib.crc32(two.read_bytes() * 2):08x}",
    }


@pytest.mark.parametrize(
    ("place", "changes"), [(0, True), (99, True), (100, False), (300, True), (399, True)]
)
def test_the_checksum_sees_the_ends(tmp_path, place, changes):
    path = tmp_path / "x"
    path.write_bytes(bytes(400))
    before = checksum_of_ends(path, 100)
    content = bytearray(400)
    content[place] = 1
    path.write_bytes(content)
    assert (checksum_of_ends(path, 100) != before) == changes


def test_of_thousands_of_files_less_is_read(tmp_path, monkeypatch):
    files = [write(tmp_path / f"{i}.h5", 1) for i in range(40)]
    monkeypatch.setattr(fingerprint, "BUDGET", 8000)
    told = fingerprints({"train_file": files}, "jets")
    assert told["checksum"] == "crc32 of the first 100 and the last 100 bytes"
    assert [entry["path"] for entry in told["train_file"]] == [str(file) for file in files]
    assert all(
        entry["crc32"] == checksum_of_ends(file, 100)
        for entry, file in zip(told["train_file"], files, strict=True)
    )


def test_other_formats_have_no_rows_and_lost_files_a_fault(tmp_path):
    (tmp_path / "text.csv").write_text("1,2\n")
    write(tmp_path / "other.h5", 3)
    names = ("text.csv", "other.h5", "lost.h5")
    text, other, lost = fingerprints({"x": [tmp_path / name for name in names]}, "events")["x"]
    assert text["rows"] is other["rows"] is None
    assert text["crc32"] == f"{zlib.crc32(b'1,2' + bytes([10]) + b'1,2' + bytes([10])):08x}"
    assert lost == {"path": str(tmp_path / "lost.h5"), "fault": "No such file or directory"}

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (("a", 0.5), ("b", 0.5), ("c", 0.6)):
        with h5py.File(f"{name}.h5", "w") as file:
            file["jets"] = np.array([(value,), (0.25,)], dtype=[("GN2_pb", "f8")])


def test_files_that_agree(files, salt):
    done = salt("compare", "a.h5", "b.h5")
    assert (done.code, done.out.splitlines()[-1]) == (0, "1 columns agree")


def test_files_that_differ(files, salt):
    done = salt("compare", "a.h5", "c.h5")
    assert done.code == 1
    assert "! jets/GN2_pb        0.1" in done.out
    assert done.out.splitlines()[-1] == "1 of 1 columns differ"
    assert salt("compare", "a.h5", "c.h5", "--atol", "0.2").code == 0
    assert salt("compare", "a.h5", "c.h5", "--rtol", "0.2").code == 0


def test_files_without_an_entry(files, salt):
    for name, size in (("empty", 0), ("bare", 0)):
        with h5py.File(f"{name}.h5", "w") as file:
            file["jets"] = np.zeros(size, dtype=[("GN2_pb", "f8")])
    done = salt("compare", "empty.h5", "bare.h5")
    assert (done.code, done.out.splitlines()[-2:]) == (0, ["1 columns agree", "neither file has an entry"])
    done = salt("compare", "a.h5", "empty.h5")
    assert done.code == 1
    assert "jets    2 and 0 rows" in done.out
    assert "neither" not in done.out + salt("compare", "a.h5", "b.h5").out


def test_files_that_are_none(files, salt):
    Path("zero.h5").touch()
    Path("text.h5").write_text("no table")
    h5py.File("nothing.h5", "w").close()
    for words, told in (
        (("a.h5", "zero.h5"), "error: B.h5: zero.h5 is not an HDF5 file"),
        (("text.h5", "a.h5"), "error: A.h5: text.h5 is not an HDF5 file"),
        (("nothing.h5", "nothing.h5"), "error: neither nothing.h5 nor nothing.h5 has a dataset"),
    ):
        done = salt("compare", *words)
        assert (done.code, done.err.splitlines()) == (2, [told])


@pytest.mark.parametrize("words", [("a.h5",), ("a.h5", "none.h5"), ("a.h5", "b.h5", "--atol", "-1")])
def test_misuse(files, salt, words):
    done = salt("compare", *words)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1

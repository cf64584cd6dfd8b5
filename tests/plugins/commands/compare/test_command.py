from __future__ import annotations

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


@pytest.mark.parametrize("words", [("a.h5",), ("a.h5", "none.h5"), ("a.h5", "b.h5", "--atol", "-1")])
def test_misuse(files, salt, words):
    done = salt("compare", *words)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1

"""The file of predictions."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from salt_core.evaluation.output import PredictionFile, output_path, structured


def test_the_name_lies_beside_the_checkpoint():
    found = output_path(Path("run/ckpts/epoch=001-val_loss=0.5.ckpt"), Path("data/ttbar_test.h5"))
    assert found == Path("run/ckpts/epoch=001-val_loss=0.5__test_ttbar_test.h5")
    assert output_path(Path("a.ckpt"), Path("b.h5"), "x").name == "a__test_b_x.h5"


def test_rows_are_appended_and_any_reader_opens_them(tmp_path):
    file = PredictionFile(tmp_path / "p.h5", {"model": "GN2"})
    columns = {"p": np.arange(3, dtype=np.float32), "n": np.arange(3)}
    for _ in range(2):
        file.append("jets", structured(columns), lambda: {"unit": "none"})
        file.append("tracks", structured({"v": np.ones((3, 4), dtype=bool)}), dict)
    file.close()
    with h5py.File(tmp_path / "p.h5") as written:
        assert written.attrs["model"] == "GN2"
        assert written["jets"].attrs["unit"] == "none"
        assert written["jets"]["p"].tolist() == [0, 1, 2, 0, 1, 2]
        assert written["tracks"].shape == (6, 4)
        assert written["jets"].compression == "gzip"

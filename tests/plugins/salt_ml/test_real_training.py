"""A training of salt-ml itself, imported; SALT_ML_PYTHON names a Python that has salt-ml 0.13."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

import salt_core
from salt_core.config.yaml import dump_yaml

DEMO = Path(salt_core.__file__).parent / "demo"

PYTHON = os.environ.get("SALT_ML_PYTHON")

# salt-ml compresses with what only hdf5plugin, which comes with it, can read.
CONVERT = """
import sys, h5py, hdf5plugin, numpy
with h5py.File(sys.argv[1]) as file:
    numpy.savez(sys.argv[2], **{name: dataset[:] for name, dataset in file.items()})
"""

OTHERWISE_NAMED = {"old_GN2_ptaus": "old_GN2_ptau"}

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(PYTHON is None, reason="SALT_ML_PYTHON names no Python with salt-ml"),
]


@pytest.fixture
def trained(old_config, tmp_path):
    """Train and test with salt-ml; return checkpoint, configuration and what its test wrote."""
    (tmp_path / "old.yaml").write_text(dump_yaml(old_config))

    def run(*words):
        done = subprocess.run([PYTHON, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    run("-m", "salt.main", "fit", "--config", "old.yaml", "--force")
    (config,) = tmp_path.glob("logs/*/config.yaml")
    run("-m", "salt.main", "test", "--config", str(config), "--data.test_file", str(DEMO / "demo_test.h5"))
    (written,) = config.parent.glob("ckpts/*__test*.h5")
    run("-c", CONVERT, str(written), str(tmp_path / "written.npz"))
    (ckpt,) = config.parent.glob("ckpts/*.ckpt")
    return ckpt, config, dict(np.load(tmp_path / "written.npz"))


def same_vertices(a, b):
    """Tell whether two ways of numbering the vertices of one jet put the same constituents together."""
    return np.array_equal(a[:, None] == a, b[:, None] == b)


def test_predictions_and_vertices_are_those_of_salt_ml(trained, tmp_path, salt):
    ckpt, config, theirs = trained
    out = tmp_path / "imported"
    done = salt("import", ckpt, "--config", config, "--out", out)
    assert done.code == 0, done.err
    done = salt("test", "--config", out / "config.yaml", "--data.test_file", DEMO / "demo_test.h5")
    assert done.code == 0, done.err
    (written,) = out.glob("ckpts/*test*.h5")
    with h5py.File(written) as file:
        ours = {name: file[name][:] for name in ("jets", "tracks")}
    real = ~theirs["tracks"]["mask"]
    assert np.array_equal(real, ours["tracks"]["valid"])
    compared = 0
    for name, rows in (("jets", slice(None)), ("tracks", real)):
        for column in theirs[name].dtype.names:
            if column.startswith("old_GN2_p"):
                mine = ours[name][OTHERWISE_NAMED.get(column, column)][rows]
                np.testing.assert_allclose(
                    mine, theirs[name][column][rows], rtol=0, atol=1e-4, err_msg=column
                )
                compared += 1
    assert compared == 12
    assert theirs["jets"]["old_GN2_pb"].std() > 0.01  # the model tells jets apart
    agree = [
        same_vertices(a[valid], b[valid])
        for a, b, valid in zip(
            theirs["tracks"]["VertexIndex"], ours["tracks"]["old_GN2_VertexIndex"], real, strict=True
        )
    ]
    # A score that is 0.5 up to rounding may fall on either side.
    assert np.mean(agree) > 0.999

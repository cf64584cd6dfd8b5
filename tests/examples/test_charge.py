"""examples/salt-plugin-charge, installed by pip and used as its README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "salt-plugin-charge"
CONFIGS = ("--config", "GN2.yaml", "--config", "demo.yaml", "--config")


def run(*words: object, cwd: Path, python_path: str = "") -> str:
    environment = os.environ | {"PYTHONPATH": python_path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the package's folder, where pip may leave what it builds."""
    hidden = shutil.ignore_patterns(".*", "__pycache__", "logs", "build", "*.egg-info")
    return Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("charge") / "project", ignore=hidden))


@pytest.fixture(scope="module")
def site(project) -> Path:
    """A folder in which pip installed the package."""
    folder = project.parent / "site"
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", folder)
    run("pip", "--disable-pip-version-check", "install", *options, project, cwd=project)
    return folder


@pytest.fixture
def installed(site, monkeypatch) -> Path:
    """The package, at hand in this process."""
    monkeypatch.delenv("SALT_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(str(site))
    yield site
    for name in [name for name in sys.modules if name.startswith("salt_plugin_charge")]:
        del sys.modules[name]


def test_its_own_tests_pass(project, site):
    told = run("pytest", "-q", "-p", "no:cacheprovider", cwd=project, python_path=str(site))
    assert int(re.search(r"(\d+) passed", told)[1]) >= 10


def test_both_plugins_are_listed(installed, salt):
    assert "ChargeHead" in salt("plugins", "show", "task", "jet_charge").out
    shown = salt("plugins", "show", "loss", "log_cosh").out
    assert "Provided by salt-plugin-charge 0.2.0" in shown
    assert "width: float, default 1.0" in shown


def test_it_trains_and_writes_its_column(installed, salt, tmp_path, monkeypatch, the_run):
    monkeypatch.chdir(tmp_path)
    short = (
        "--data.num_train",
        400,
        "--data.num_val",
        200,
        "--trainer.max_epochs",
        1,
        "--trainer.log_every_n_steps",
        1,
    )
    done = salt("fit", *CONFIGS, EXAMPLE / "train.yaml", *short, "--force")
    assert done.code == 0, done.err
    run_folder = the_run(tmp_path)
    heading = (run_folder / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/charge_loss", "val/charge_loss"} <= set(heading)
    done = salt("test", "--config", run_folder / "config.yaml", "--data.num_test", 100)
    assert done.code == 0, done.err
    (predictions,) = run_folder.rglob("*.h5")
    with h5py.File(predictions) as file:
        charges = file["jets"]["GN2_charge_jet_charge"]
    assert charges.shape == (100,)
    assert np.isfinite(charges).all()
    assert charges.std() > 0


@pytest.mark.full
def test_as_the_readme_says_it_learns_the_charge(installed, salt, project, monkeypatch, the_run):
    """The prediction follows what the tracks of the file add up to."""
    from salt_plugin_charge.charge import jet_charge

    monkeypatch.chdir(project)
    fit, test = re.findall(r"^salt (?:fit|test) .*", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    # The working tree under test, where salt is installed from, may hold uncommitted changes.
    assert salt(*fit.split()[1:], "--force").code == 0
    run_folder = the_run(project, "logs/GN2_charge_*")
    assert salt(*test.replace("logs/GN2_charge_*", str(run_folder)).split()[1:]).code == 0
    (predictions,) = run_folder.rglob("*.h5")
    with h5py.File(predictions) as file, h5py.File(ROOT / "salt_core" / "demo" / "demo_test.h5") as demo:
        found = file["jets"]["GN2_charge_jet_charge"][:]
        jets, tracks = demo["jets"][:], demo["tracks"][:]
    true = true_charge(jet_charge, jets, tracks)
    assert np.corrcoef(found, true)[0, 1] > 0.25  # 0.37 here; 0.02 would be chance


def true_charge(formula, jets: np.ndarray, tracks: np.ndarray) -> np.ndarray:
    import torch

    from salt_core import Layout

    valid = tracks["valid"]
    values = (tracks[name][valid] for name in ("qOverP", "pt"))
    columns = (torch.from_numpy(np.ascontiguousarray(one)) for one in (*values, jets["pt_btagJes"]))
    return formula(*columns, Layout.of(valid.sum(1)), 0.5).numpy()


@pytest.mark.full
def test_its_types_are_strict():
    """From the root of the checkout, whose mypy settings know salt's own types."""
    told = run("mypy", "--strict", EXAMPLE / "salt_plugin_charge", EXAMPLE / "tests", cwd=ROOT)
    files = [*EXAMPLE.glob("*/*.py")]
    assert f"no issues found in {len(files)} source files" in told

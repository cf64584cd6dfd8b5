"""docs/plugins.md, followed to the letter: what it says to save is saved, what it says to run is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from salt_core.authoring.names import Names
from salt_core.authoring.package import Package
from salt_core.kinds import BY_NAME

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text()
(COMMANDS,) = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
AFTER = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FILES = dict(re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL))


def test_they_are_fewer_than_ten_commands():
    lines = COMMANDS.splitlines()
    assert len(lines) < 10
    assert lines[3:] == [
        "salt plugins new charge --kind task",
        "cd salt-plugin-charge",
        *Package(Names.of("task", "charge")).commands,
    ]


def test_the_package_is_as_the_page_tells():
    told = re.findall(r"^\| `([\w./]+)` \|", PAGE, re.MULTILINE)
    written = Package(Names.of("task", "charge")).files()
    assert set(told) == {name for name in written if not name.endswith("py.typed")}


def test_the_page_names_every_kind():
    assert [kind for kind in BY_NAME if f"`{kind}`" not in PAGE] == []


def test_the_file_without_a_package_trains(salt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (line,) = [line for line in AFTER if "cubic" in line]
    done = salt(*line.split()[1:], "--trainer.fast_dev_run", 2)
    assert done.code == 0, done.err
    monkeypatch.setenv("SALT_PLUGINS", "cubic.py")
    assert "Third power of the difference." in salt("plugins", "list", "--kind", "loss").out


@pytest.fixture
def without_network(tmp_path) -> dict[str, str]:
    """Stand in for PyPI: pip finds salt as a package in a folder, and all else as installed already."""
    wheels, packages = tmp_path / "wheels", tmp_path / "packages"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    packages.mkdir()
    for entry in (
        path for place in sys.path if place.endswith("site-packages") for path in Path(place).iterdir()
    ):
        if (
            not re.match(r"salt|__editable__|pip\b|.*\.pth$", entry.name)
            and not (packages / entry.name).exists()
        ):
            (packages / entry.name).symlink_to(entry)
    programs = tmp_path / "programs"
    programs.mkdir()
    # An installed pytest would be in the new environment, and python3 is the one that runs this.
    for name, call in {"pytest": "python -m pytest", "python3": sys.executable}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {call} "$@"\n')
        (programs / name).chmod(0o755)
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as: no isolation
        "PYTHONPATH": str(packages),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "2",
    }


@pytest.mark.full
def test_from_an_empty_folder_to_a_head(without_network, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    code = COMMANDS + next(line for line in AFTER if line.startswith("salt test"))
    environment = {
        key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "SALT_PLUGINS")
    }
    done = subprocess.run(
        ["bash", "-euxc", code],
        cwd=folder,
        env=environment | without_network,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / ".venv" / "bin" / "salt").is_file()
    (run,) = (folder / "salt-plugin-charge").glob("logs/charge_*")
    heading = (run / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/charge_loss", "val/charge_loss"} <= set(heading)
    (predictions,) = run.rglob("*.h5")
    with h5py.File(predictions) as file:
        assert "charge_truthJetPt_charge" in file["jets"].dtype.names

"""Packages of others: made, installed with pip, and used through the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

PYPROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
dependencies = ["salt-hep"]

[project.entry-points.salt]
{entry} = "{module}"
"""

FOCAL = '''
"""Focal cross entropy."""

import logging

import torch
import torch.nn.functional as F
from salt_core import Loss

log = logging.getLogger("salt.focal")


class Focal(Loss):
    """Cross entropy that cares less for what is already known.

    Parameters
    ----------
    gamma : float, optional
        How much less; 0 is plain cross entropy.
    """

    def __init__(self, gamma: float = 1.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        values = F.cross_entropy(predictions, targets, reduction="none")
        log.info("focal loss with gamma %s of %d jets", self.gamma, len(values))
        return values * (1 - (-values).exp()) ** self.gamma
'''

HEAD = '''
"""A linear head."""

from salt_core import Loss, Target, Task
from torch import nn


class LinearHead(Task):
    """Classifies jets with one linear layer.

    Parameters
    ----------
    label : str
        Column of class indices.
    loss : Loss
        Compares logits with class indices.
    """

    def __init__(self, label: str, loss: Loss, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.label = label
        self.criterion = loss

    def columns(self):
        return {"jets": [self.label]}

    def build(self, encoded, data):
        self.jets = data.global_object
        self.names = data.class_names[self.jets][self.label]
        self.criterion.build(Target(f"{self.jets}/{self.label}", self.names))
        self.net = nn.Linear(encoded.pooled, len(self.names))

    def forward(self, pooled, streams, batch):
        return self.net(pooled)

    def loss(self, predictions, batch):
        return self.criterion(predictions, batch.raw(self.jets)[self.label]).mean()

    def outputs(self, predictions, batch):
        shares = predictions.softmax(-1).unbind(-1)
        return {self.jets: dict(zip([f"p{name}" for name in self.names], shares))}
'''

HOOKS = """
from salt_core import hookimpl


@hookimpl
def salt_losses():
    return {"tau_focal": "PACKAGE.focal:Focal"}
"""

TASK_HOOK = """

@hookimpl
def salt_tasks():
    return {"linear": "PACKAGE.head:LinearHead"}
"""

TAU = ("salt-plugin-tau", "1.4.2")
RIVAL = ("salt-plugin-rival", "0.7.0")
BROKEN = ("salt-plugin-broken", "3.0.1")

SOURCES = {
    TAU: {"__init__": HOOKS + TASK_HOOK, "focal": FOCAL, "head": HEAD},
    RIVAL: {"__init__": HOOKS, "focal": FOCAL},
    BROKEN: {"__init__": "raise RuntimeError('no licence for this machine')"},
}

EXPERIMENT = dedent("""
    model:
      tasks:
        jets_classification:
          plugin: linear
          label: flavour_label
          loss: {plugin: tau_focal, gamma: 2.5}
""")


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Folders in which pip installed one package each."""
    return {package: _installed(tmp_path_factory.mktemp(package[0]), *package) for package in SOURCES}


def _installed(folder: Path, name: str, version: str) -> Path:
    module = name.replace("-", "_")
    project, target = folder / "project", folder / "site"
    (project / module).mkdir(parents=True)
    entry = name.rpartition("-")[2]
    text = PYPROJECT.format(name=name, version=version, entry=entry, module=module)
    (project / "pyproject.toml").write_text(text)
    for file, source in SOURCES[name, version].items():
        (project / module / f"{file}.py").write_text(source.replace("PACKAGE", module))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target), str(project)]
    done = subprocess.run([*pip, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def salt_with(packages, tmp_path):
    """Run ``salt`` in an empty folder, with some of the packages installed."""

    def run(installed: tuple[tuple[str, str], ...], *words: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "SALT_PLUGINS"}
        environment |= {
            "PYTHONPATH": os.pathsep.join(str(packages[package]) for package in installed),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "salt_core", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    return run


@pytest.fixture
def experiment(tmp_path) -> tuple[str, ...]:
    """The words of a training of two steps that uses the package's head and loss."""
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    configs = [word for name in ("GN2.yaml", "demo.yaml", "experiment.yaml") for word in ("--config", name)]
    return ("fit", *configs, "--trainer.fast_dev_run", "2")


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_package_is_listed_with_its_version(salt_with):
    done = salt_with((TAU,), "plugins", "list", "--json")
    found = {(row["kind"], row["name"]): row for row in rows(done) if row["distribution"] == TAU[0]}
    assert set(found) == {("loss", "tau_focal"), ("task", "linear")}
    assert {row["version"] for row in found.values()} == {TAU[1]}
    assert {row["state"] for row in found.values()} == {"ok"}
    assert found["loss", "tau_focal"]["summary"] == "Cross entropy that cares less for what is already known."


def test_without_the_package_its_names_are_unknown(salt_with, experiment):
    done = salt_with((), *experiment)
    assert done.returncode == 2
    assert "there is no task 'linear'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "beside", [pytest.param((), marks=pytest.mark.full), (BROKEN,)], ids=["alone", "beside_a_broken_one"]
)
def test_a_package_is_trained_from_yaml_by_name(salt_with, experiment, beside):
    done = salt_with((TAU, *beside), *experiment)
    assert done.returncode == 0, done.stderr
    steps = [
        line for line in done.stderr.splitlines() if line.startswith("focal loss with gamma 2.5 of 200 jets")
    ]
    assert len(steps) == 4  # two of training, two of validation


def test_two_packages_of_one_name_are_both_listed(salt_with):
    done = salt_with((TAU, RIVAL), "plugins", "list", "--json", "--kind", "loss")
    both = [row for row in rows(done) if row["name"] == "tau_focal"]
    assert [(row["distribution"], row["version"], row["state"]) for row in both] == [
        (*RIVAL, "conflict"),
        (*TAU, "conflict"),
    ]


def test_two_packages_of_one_name_are_an_error_where_it_is_used(salt_with, experiment):
    done = salt_with((TAU, RIVAL), *experiment)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (message,) = done.stderr.splitlines()
    for part in ("model.tasks.jets_classification.loss", "'tau_focal'", *map(" ".join, (TAU, RIVAL))):
        assert part in message


def test_a_package_that_raises_is_reported_and_the_rest_works(salt_with):
    done = salt_with((BROKEN, TAU), "plugins", "list", "--json")
    (broken,) = [row for row in rows(done) if row["state"] == "broken"]
    assert (broken["distribution"], broken["version"], broken["plugin"]) == (*BROKEN, "broken")
    assert broken["reason"].startswith("RuntimeError: no licence for this machine (")
    others = {row["name"] for row in rows(done) if row["state"] == "ok"}
    assert {"gn2", "cross_entropy", "tau_focal", "linear"} <= others


def test_a_package_that_raises_is_in_the_table_and_in_unknown_names(salt_with):
    table = salt_with((BROKEN,), "plugins", "list").stdout
    (line,) = [line for line in table.splitlines() if " ".join(BROKEN) in line]
    assert "no licence for this machine" in line
    done = salt_with((BROKEN,), "plugins", "show", "loss", "tau_focal")
    assert done.returncode == 2
    assert f"broken of {' '.join(BROKEN)}: RuntimeError: no licence for this machine" in done.stderr

"""The small trainings of `salt plugins check`, with parts of a package that is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TASK = '''"""A head."""

from salt_core import Task
from salt_core.distributed import mean_over_ranks
from torch import nn


class Mass(Task):
    """Predicts the mass of jets."""

    example = {"weight": 0.5}

    def columns(self):
        return {"jets": ["mass"]}

    def build(self, encoded, data):
        self.net = nn.Linear(encoded.pooled, 1)

    def forward(self, pooled, streams, batch):
        return self.net(pooled).squeeze(1)

    def loss(self, predictions, batch):
        return mean_over_ranks((predictions - batch.raw("jets")["mass"] / 1e4).square())

    def outputs(self, predictions, batch):
        return {"jets": {"mass_pred": predictions}}
'''

AUGMENTATION = '''"""An augmentation that keeps a state where no checkpoint finds it."""

from dataclasses import replace

from salt_core import Augmentation


class Growing(Augmentation):
    """Changes jets more with each batch."""

    times = 0

    def build(self, data):
        pass

    def forward(self, batch):
        self.times += 1
        return replace(batch, x=batch.x * (1 + 0.1 * self.times))
'''

OPTIMIZER = '''"""An optimiser that fails in a long training."""

from salt_core import OptimizerFactory, RunError
from torch.optim import SGD


class Tired(SGD):
    def step(self, closure=None):
        if len(self.param_groups[0]["params"]) > 20:
            raise RunError("too many parameters")
        return super().step(closure)


class TiredFactory(OptimizerFactory):
    """Gives up on large models."""

    def build(self, model, learning_rate, weight_decay):
        return Tired([p for p in model.parameters() if p.requires_grad], learning_rate)
'''

HOOKS = """
from salt_core import hookimpl


@hookimpl
def salt_tasks():
    return {"planted_mass": "planted.head:Mass"}


@hookimpl
def salt_augmentations():
    return {"planted_growing": "planted.augmentation:Growing"}


@hookimpl
def salt_optimizers():
    return {"planted_tired": "planted.optimizer:TiredFactory"}
"""

COMMAND_HOOK = """
from salt_core import hookimpl


@hookimpl
def salt_commands():
    return {"planted": "planted.command:planted"}
"""

COMMAND = '''
import click
from salt_core import RunError


@click.command("planted")
def planted():
    """Do nothing."""
'''


def run(*words: object, **settings: object) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SALT_PLUGINS"}
    command = [sys.executable, "-m", "salt_core", "plugins", "check", *map(str, words)]
    return subprocess.run(
        command,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        **settings,
    )


@pytest.mark.full
def test_trainings_tell_what_contracts_do_not(package, tmp_path):
    files = {
        "planted/__init__.py": HOOKS,
        "planted/head.py": TASK,
        "planted/augmentation.py": AUGMENTATION,
        "planted/optimizer.py": OPTIMIZER,
    }
    done = run(package(files, {"planted": "planted"}), cwd=tmp_path)
    assert done.returncode == 1
    for step in ("salt fit", "resuming", "salt test", "salt export"):
        assert f"salt-plugin-planted 0.3.0: task planted_mass: {step}" in done.stderr
    told = done.stdout.splitlines()
    assert not any("planted_mass" in line for line in told), told
    (resumed,) = [line for line in told if "augmentation planted_growing" in line]
    assert "a training that goes on from a checkpoint ends otherwise: " in resumed
    (tired,) = [line for line in told if "optimizer planted_tired" in line]
    assert "salt fit ends with exit code 1: too many parameters" in tired


@pytest.mark.full
def test_a_command_is_called(package, tmp_path):
    folder = package(
        {"planted/__init__.py": COMMAND_HOOK, "planted/command.py": COMMAND}, {"planted": "planted"}
    )
    done = run(folder, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "salt-plugin-planted 0.3.0: command planted: salt planted" in done.stderr


MEMORY = Path("/dev/shm")

STAGING = '''"""A staging method for one file system."""

import shutil
from contextlib import contextmanager
from pathlib import Path

from salt_core import RunError, Staging


class Memory(Staging):
    """Copies files into memory."""

    @contextmanager
    def stage(self, files, target):
        if not target.resolve().is_relative_to("/dev/shm"):
            raise RunError(f"{target} is not in memory")
        Path(__file__).with_name("target").write_text(str(target))
        folders = [target / f"planted {number}" for number in range(len(files))]
        try:
            for file, folder in zip(files, folders):
                folder.mkdir(parents=True)
                shutil.copy(file, folder)
            yield [folder / file.name for file, folder in zip(files, folders)]
        finally:
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)
'''

STAGING_HOOK = """
from salt_core import hookimpl


@hookimpl
def salt_staging():
    return {"planted_memory": "planted.staging:Memory"}
"""


@pytest.mark.skipif(not os.access(MEMORY, os.W_OK), reason="needs a file system in memory")
@pytest.mark.parametrize("words", [["--quick"], pytest.param([], marks=pytest.mark.full)])
def test_a_staging_method_for_memory_is_tried_there(package, tmp_path, words):
    files = {"planted/__init__.py": STAGING_HOOK, "planted/staging.py": STAGING}
    folder = package(files, {"planted": "planted"})
    done = run(folder, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    target = Path((folder / "src" / "planted" / "target").read_text())
    assert target.parent == MEMORY
    assert not target.exists()

"""The small trainings of `salt plugins check`: what is told of them, and some with parts that are not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from staging_plugin import staging_where

from salt_core.authoring.checking import trainings
from salt_core.authoring.checking.trainings import Training
from salt_core.authoring.checking.trial import Trial

METRICS = "epoch,step,train/loss,val/loss,train/jets_per_s\n0,1,0.5,,100\n0,1,,{loss},\n"


@pytest.fixture
def played(tmp_path, monkeypatch):
    """Try a part with `salt` played: a fit writes what it does; return findings, and the calls without options."""

    def run(trial: Trial, fails: str = "", checkpoint: str = "epoch=000.ckpt", resumed: str = "0.25"):
        calls = []

        def salt(words, environment, folder):
            calls.append(words)
            if words[0] == "fit":
                suffix = words[words.index("--log_suffix") + 1]
                made = folder / "logs" / f"checked_{suffix}"
                (made / "ckpts").mkdir(parents=True)
                (made / "ckpts" / checkpoint).touch()
                (made / "metrics.csv").write_text(
                    METRICS.format(loss="0.25" if suffix == "whole" else resumed)
                )
            told = f"salt: note\nerror: {fails} cannot\n  go on\n"
            return subprocess.CompletedProcess(words, int(words[0] == fails), "", told)

        monkeypatch.setattr(trainings, "salt", salt)
        found = Training(trial, {}, tmp_path / "trial").findings(lambda line: None)
        return [str(finding) for finding in found], calls

    return run


MINE = Trial("task mine", "mine.py:3", {"model": {}}, exports=True)


def test_a_training_goes_through_all_steps(played, monkeypatch):
    monkeypatch.setattr(trainings, "EXPORT", ("csv",))
    findings, (fit, resumed, test, export) = played(MINE)
    assert findings == []
    assert [words[0] for words in (fit, resumed, test, export)] == ["fit", "fit", "test", "export"]
    assert resumed[resumed.index("--ckpt_path") + 1].endswith("checked_whole/ckpts/epoch=000.ckpt")
    assert test[-1].endswith("checked_whole/config.yaml")


def test_a_part_that_is_in_no_exported_model_is_not_exported(played):
    _, calls = played(Trial("callback mine", "mine.py:3"))
    assert [words[0] for words in calls] == ["fit", "fit", "test"]


def test_nothing_is_tried_after_a_training_that_fails(played):
    findings, calls = played(MINE, fails="fit")
    assert findings == ["mine.py:3: task mine: salt fit ends with exit code 1: fit cannot go on"]
    assert len(calls) == 1


def test_a_test_that_fails_is_told(played):
    assert played(MINE, fails="test")[0] == [
        "mine.py:3: task mine: salt test ends with exit code 1: test cannot go on"
    ]


def test_a_training_that_ends_otherwise_is_told_and_speed_does_not_count(played):
    (finding,), _ = played(MINE, resumed="0.26")
    assert "ends otherwise: val/loss is 0.26, not 0.25; keep what changes in state_dict" in finding


def test_a_training_without_a_checkpoint_is_told(played):
    (finding,), calls = played(MINE, checkpoint="last.ckpt")
    assert "writes no checkpoint of its first epoch" in finding
    assert [words[0] for words in calls][:2] == ["fit", "test"]


def test_a_call_is_made_alone(played):
    assert played(Trial("command mine", "mine.py:3", words=("mine", "--help"))) == ([], [("mine", "--help")])


def test_a_submission_has_a_training(played):
    _, ((*words,),) = played(Trial("batch mine", "mine.py:3", words=("submit", "mine", "--dry-run")))
    assert words[:7] == ["submit", "mine", "--dry-run", "--config", "GN2.yaml", "--config", "demo.yaml"]


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

STAGING = staging_where("target.resolve().is_relative_to('/dev/shm')")

STAGING_HOOK = """
from salt_core import hookimpl


@hookimpl
def salt_staging():
    return {"planted_memory": "planted.staging:Fast"}
"""


@pytest.mark.skipif(not os.access(MEMORY, os.W_OK), reason="needs a file system in memory")
@pytest.mark.full
def test_a_staging_method_for_memory_is_tried_there(package, tmp_path):
    files = {"planted/__init__.py": STAGING_HOOK, "planted/staging.py": STAGING}
    folder = package(files, {"planted": "planted"})
    done = run(folder, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    target = Path((folder / "src" / "planted" / "target").read_text())
    assert target.parent == MEMORY
    assert not target.exists()

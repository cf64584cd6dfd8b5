"""`salt plugins check` on packages with planted mistakes, by the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD_LOSS = '''"""A loss."""

from salt_core import Loss


class Absolute(Loss):
    """Absolute difference.

    Parameters
    ----------
    scale : float, optional
        Factor of every difference.
    """

    target_kinds = ("values",)

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, predictions, targets):
        return self.scale * (predictions.float() - targets).abs()
'''
GOOD_HOOK = """
from salt_core import hookimpl


@hookimpl
def salt_losses():
    return {"planted_absolute": "planted.loss:Absolute"}
"""

HOOK = "from salt_core import hookimpl\n\n\n@hookimpl\ndef {hook}():\n    return {offers}\n"
PARTS = '''"""Parts with mistakes."""

import click
from salt_core import Augmentation, BatchBackend, Encoder, Loss, OptimizerFactory, Staging, Task
from torch import nn


class Incomplete(Task):
    """Lacks its methods."""


class NoLoss(nn.Module):
    """Extends something else."""


class Doubled(Loss):
    """Twice what it should be.

    Parameters
    ----------
    scale : float
        Factor.
    """

    def __init__(self, scale=1.0, *, size: int = None, **kwargs) -> None:
        super().__init__()

    def forward(self, predictions, targets):
        return -(predictions.float() - targets).abs()


class Sure(Loss):
    """Refuses what its example gives."""

    example = {"scale": -1}

    def __init__(self, scale: float) -> None:
        """Take the scale.

        Parameters
        ----------
        scale : float
            Factor above 0.
        """
        super().__init__()
        if scale < 0:
            raise ValueError("no scale")

    def forward(self, predictions, targets):
        return predictions


class Needs(Loss):
    """Needs an option.

    Parameters
    ----------
    scale : float
        Factor.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()

    def forward(self, predictions, targets):
        return predictions


class Unquoted(BatchBackend):
    """Writes words as they are."""

    def render(self, job):
        return {f"{job.stem}.sh": f"{job.log} {job.requeue} {job.options} {' '.join(job.command)}"}

    def submit(self, job):
        return "1"

    def status(self, identifier):
        return None

    def cancel(self, identifier):
        pass


@click.command("planted")
@click.option("--all")
def command(all):
    pass
'''

FILES = {
    "planted/parts.py": PARTS,
    "planted/heavy.py": "import torch\n"
    + HOOK.format(hook="salt_losses", offers={"planted_sure": "planted.parts:Sure"}),
    "planted/broken.py": "import no_such_module\n",
    "planted/newer.py": "salt_api = '9.0'\nfrom salt_core import no_such_name\n",
    "planted/ended.py": "raise SystemExit('no licence')\n",
    "planted/misspelt.py": HOOK.format(hook="salt_task", offers={}),
    "planted/nothing.py": "",
    "planted/targets.py": "from salt_core import hookimpl\n"
    + "".join(
        HOOK.format(hook=hook, offers=offers).partition("\n")[2]
        for hook, offers in {
            "salt_encoders": {"planted_lost": "planted.parts:Nowhere"},
            "salt_tasks": {
                "planted_incomplete": "planted.parts:Incomplete",
                "planted_away": "planted.away:Head",
            },
            "salt_losses": {
                "planted_no": "planted.parts:NoLoss",
                "planted_doubled": "planted.parts:Doubled",
                "planted_needs": "planted.parts:Needs",
                "cross_entropy": "planted.parts:Doubled",
            },
            "salt_batch_backends": {"planted_batch": "planted.parts:Unquoted"},
            "salt_commands": {"planted": "planted.parts:command", "fit": "planted.parts:command"},
        }.items()
    ),
    "planted/__init__.py": GOOD_HOOK,
    "planted/loss.py": GOOD_LOSS,
}
ENTRIES = {
    "good": "planted",
    **{
        name: f"planted.{name}"
        for name in ("heavy", "broken", "newer", "ended", "misspelt", "nothing", "targets")
    },
    "oddly": "planted targets",
}

#: What is told of the package above, besides file and line.
TOLD = {
    "an entry point that names no module": "entry point oddly: 'planted targets' names no module",
    "a module that does not import": "entry point broken: its module does not import: ModuleNotFoundError:",
    "a module that ends the process": "entry point ended: its module does not import: SystemExit: no licence",
    "a newer plugin API": "entry point newer: it asks for plugin API 9.0, and this salt-hep has",
    "a misspelt hook": "salt_task: there is no hook 'salt_task': did you mean 'salt_tasks'",
    "no hook": "it offers no hook",
    "a heavy import": "entry point heavy: importing planted.heavy imports torch, numpy",
    "a target without its class": "encoder planted_lost: the encoder 'planted_lost' of salt-plugin-planted 0.3.0",
    "a target without its module": "task planted_away: the task 'planted_away' of salt-plugin-planted 0.3.0",
    "methods that are missing": "planted.parts:Incomplete does not define build, columns, forward, loss, outputs",
    "another base class": "planted.parts:NoLoss does not extend salt_core.interfaces.loss:Loss",
    "a parameter without type": "Doubled(scale): has no type",
    "a parameter without description": "Doubled(size): has no description",
    "a default that does not fit": "Doubled(size): its default None does not fit its type int",
    "keywords": "Doubled(**kwargs): offers no option",
    "a broken contract": "Doubled: classes (target_kinds says by default that it takes all kinds)",
    "an example that is refused": "Sure: planted_sure: cannot be made with these options: ValueError: no scale",
    "a name of another package": "loss cross_entropy: is also offered by salt-hep",
    "a command of salt's own": "command fit: salt itself has a command of this name",
    "words without quotes": "Unquoted: the command's words arrive as they are, quoted for the shell",
    "a backend that is slow to import": "batch planted_batch: importing planted.parts imports torch",
    "a command without help": "command planted: salt planted: a docstring says what it does: it has none",
    "an option without help": "command planted: salt planted: every option has a help: --all has none",
}


def run(*words: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SALT_PLUGINS"}
    environment |= {"OMP_NUM_THREADS": "1", **more}
    command = [sys.executable, "-m", "salt_core", "plugins", "check", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_planted_mistakes_are_told_with_their_place(tmp_path):
    lines = ['[project]\nname = "salt-plugin-planted"\nversion = "0.3.0"', "[project.entry-points.salt]"]
    lines += [f'{name} = "{value}"' for name, value in ENTRIES.items()]
    (tmp_path / "pyproject.toml").write_text("\n".join(lines) + "\n")
    (tmp_path / "planted").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    done = run(tmp_path, "--quick", cwd=tmp_path)
    assert [mistake for mistake, text in TOLD.items() if text not in done.stdout] == [], done.stdout
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout.startswith("salt-plugin-planted 0.3.0: ")
    assert "planted/parts.py:16: Doubled(scale): has no type" in done.stdout
    assert "pyproject.toml: entry point broken: its module" in done.stdout
    told = "not tried: loss planted_needs, which needs options: --option planted_needs.scale=VALUE"
    assert told in done.stdout
    assert "salt-plugin-planted 0.3.0: loss planted_absolute: contract" in done.stderr
    assert "planted/loss.py" not in done.stdout, "it is as it should be"


@pytest.mark.full
def test_a_good_package_has_no_mistake(package, tmp_path):
    folder = package({"planted/__init__.py": GOOD_HOOK, "planted/loss.py": GOOD_LOSS}, {"planted": "planted"})
    done = run(folder, "--quick", "--option", "scale=2.5", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "salt-plugin-planted 0.3.0: no mistake found\n"), done.stderr


@pytest.mark.full
def test_a_file_is_a_package_too(tmp_path):
    hook = "\n\n@hookimpl\ndef salt_losses():\n    return {'planted_absolute': Absolute}\n"
    file = tmp_path / "loss.py"
    file.write_text(GOOD_LOSS.replace("import Loss", "import Loss, hookimpl").replace(".abs()", "") + hook)
    done = run(file, "--quick", cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()[1:]
    assert line.startswith(
        "  1. loss.py:6: Absolute: values: it is 0 or more, unless can_be_negative says otherwise"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no_such_plugin",), "no distribution and no plugin that is installed is called 'no_such_plugin'"),
        (("gn3",), "did you mean 'gn2'"),
        (("./nowhere",), "there is no such folder of a package, and no such .py file"),
        (("nowhere.py",), "there is no such folder of a package, and no such .py file"),
        ((".",), "there is no pyproject.toml that can be read (No such file or directory)"),
        (("gn2", "--option", "size"), "'size' is no option; write NAME.OPTION=VALUE or OPTION=VALUE"),
    ],
)
def test_a_wrong_argument_ends_with_2(words, message, salt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = salt("plugins", "check", *words)
    assert done.code == 2
    assert message in done.err


def test_a_pyproject_that_is_none_ends_with_2(salt, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[project\n")
    monkeypatch.chdir(tmp_path)
    done = salt("plugins", "check", ".")
    assert done.code == 2
    assert "is no TOML" in done.err


def test_without_packages_of_others_there_is_nothing_to_look_at(salt, monkeypatch):
    monkeypatch.setattr("salt_core.authoring.checking.flow.installed_subjects", list)
    done = salt("plugins", "check")
    assert (done.code, done.out) == (0, "no plugins of others are installed; name a folder or a file\n")


@pytest.mark.full
def test_an_option_that_nothing_has_ends_with_2(package, tmp_path):
    folder = package({"planted/__init__.py": GOOD_HOOK, "planted/loss.py": GOOD_LOSS}, {"planted": "planted"})
    done = run(folder, "--quick", "--option", "planted_absolute.sacle=2", cwd=tmp_path)
    assert done.returncode == 2
    assert "no plugin has such an option: planted_absolute.sacle" in done.stderr

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


def run(*words: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SALT_PLUGINS"}
    environment |= {"OMP_NUM_THREADS": "1", **more}
    command = [sys.executable, "-m", "salt_core", "plugins", "check", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.full
def test_mistakes_of_a_package_are_told(package, tmp_path):
    heavy = "import torch\n" + GOOD_HOOK
    files = {
        "planted/__init__.py": heavy,
        "planted/loss.py": GOOD_LOSS,
        "planted/broken.py": "import no_such\n",
    }
    folder = package(files, {"planted": "planted", "broken": "planted.broken", "oddly": "planted loss"})
    done = run(folder, "--quick", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout.startswith("salt-plugin-planted 0.3.0: 3 mistakes\n")
    assert "entry point oddly: 'planted loss' names no module" in done.stdout
    assert "entry point broken: its module does not import: ModuleNotFoundError:" in done.stdout
    assert "entry point planted: importing planted imports torch, numpy" in done.stdout
    assert "salt-plugin-planted 0.3.0: loss planted_absolute: contract" in done.stderr


@pytest.mark.full
def test_a_good_package_has_no_mistake(package, tmp_path):
    folder = package({"planted/__init__.py": GOOD_HOOK, "planted/loss.py": GOOD_LOSS}, {"planted": "planted"})
    done = run(folder, "--quick", "--option", "scale=2.5", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "salt-plugin-planted 0.3.0: no mistake found\n"), done.stderr


def test_a_file_is_a_package_too(salt, tmp_path, monkeypatch):
    hook = "\n\n@hookimpl\ndef salt_losses():\n    return {'planted_absolute': Absolute}\n"
    file = tmp_path / "loss.py"
    file.write_text(GOOD_LOSS.replace("import Loss", "import Loss, hookimpl").replace(".abs()", "") + hook)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SALT_PLUGINS", raising=False)
    done = salt("plugins", "check", file, "--quick")
    assert done.code == 1
    (line,) = done.out.splitlines()[1:]
    assert line.startswith(
        "  1. loss.py:6: Absolute: values: it is 0 or more, unless can_be_negative says otherwise"
    )
    assert f"{file}: loss planted_absolute: contract\n" in done.err


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

"""``salt data clean``: what dead runs left goes, what is in use stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from salt_core.shelf import Shelf

ROOT = Path(__file__).parents[4]

# Leaves an entry behind, and a part of another one: killed with its guardians while it makes the second.
LEAVE = """
import os, signal, sys
from pathlib import Path
from salt_core.shelf import Shelf, shelf

def make(folder):
    (folder / "x").write_bytes(bytes(1500))

def make_half(folder):
    make(folder)
    os.kill(os.getpid(), signal.SIGKILL)

shelf.start_guardian = lambda entry: None
root, keep = Path(sys.argv[1]), sys.argv[2] == "True"
lease = Shelf(root, keep=keep).take("whole", make)
Shelf(root, keep=keep).take("half", make_half)
"""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("SALT_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def root(tmp_path):
    return tmp_path / "fast" / "salt-staging-1"


def leave(root: Path, keep: bool = False) -> None:
    command = [sys.executable, "-c", LEAVE, str(root), str(keep)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -9
    assert sorted(path.name for path in root.iterdir() if "locks" not in path.name) == [".half.part", "whole"]


def test_what_a_dead_run_left_is_removed_and_said(salt, root):
    leave(root)
    done = salt("data", "clean")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"removed 1.5 KB: {root}/.half.part", f"removed 1.5 KB: {root}/whole"]
    assert not root.exists()
    assert salt("data", "clean").out == "nothing to remove\n"


def test_what_is_in_use_stays_and_is_said(salt, root):
    leave(root)
    with Shelf(root, keep=False).take("whole", lambda folder: None):
        done = salt("data", "clean")
        assert done.out.splitlines() == [
            f"removed 1.5 KB: {root}/.half.part",
            f"in use, 1.5 KB: {root}/whole",
        ]
        assert (root / "whole" / "x").exists()
        assert salt("data", "clean").out.splitlines()[-1] == "nothing to remove"


def test_whole_stores_stay(salt, root):
    leave(root, keep=True)
    assert salt("data", "clean").out == f"removed 1.5 KB: {root}/.half.part\n"
    assert (root / "whole" / "x").exists()
    assert salt("data", "clean").out == "nothing to remove\n"


@pytest.mark.parametrize("which", ["target", "root"])
def test_a_folder_that_nobody_remembers_is_cleaned_by_name(salt, root, monkeypatch, tmp_path, which):
    leave(root)
    monkeypatch.setenv("SALT_STATE_DIR", str(tmp_path / "forgotten"))
    assert salt("data", "clean").out == "nothing to remove\n"
    assert salt("data", "clean", root if which == "root" else root.parent).out.count("removed 1.5 KB") == 2
    assert list(root.parent.iterdir()) == []


def test_a_folder_is_cleaned_once(salt, root, monkeypatch):
    leave(root)
    monkeypatch.chdir(root.parent.parent)
    assert salt("data", "clean", "fast", root, root.parent).out.count("removed") == 2


def test_a_folder_without_shelf_is_left_alone(salt, tmp_path):
    (tmp_path / "mine" / "inner").mkdir(parents=True)
    assert salt("data", "clean", tmp_path / "mine").out == "nothing to remove\n"
    assert (tmp_path / "mine" / "inner").is_dir()


def test_a_folder_that_is_not_there_is_a_mistake(salt, tmp_path):
    done = salt("data", "clean", tmp_path / "no")
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {tmp_path}/no: cannot look into this folder: No such file or directory\n"


def test_a_folder_that_others_may_write_is_left_alone_and_the_rest_is_cleaned(salt, root):
    leave(root)
    unsafe = root.with_name("salt-staging-2")
    leave(unsafe)
    unsafe.chmod(0o777)
    done = salt("data", "clean")
    assert done.code == 0
    assert f"left alone: {unsafe}: others may write there" in done.err
    assert not root.exists()
    assert (unsafe / "whole").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_folders_of_other_users_are_passed_over(salt, root, tmp_path, monkeypatch):
    leave(root)
    os.chown(root, 12345, 12345)
    monkeypatch.setenv("SALT_STATE_DIR", str(tmp_path / "forgotten"))
    done = salt("data", "clean", root.parent)
    assert (done.out, done.err) == ("nothing to remove\n", "")
    assert (root / "whole").exists()


def test_it_is_light():
    code = "import sys, salt_core.commands.data.clean; print({'torch', 'numpy', 'h5py'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

"""``salt fit --tag``: the fork's tag, on one process and on two."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from told import record_of

import salt_core
import salt_plugins

TAG = ("--tag", "--log_suffix", "1")


def test_the_fork_gets_a_tag_called_like_the_run(project, fit, fork, git, the_run):
    bare = fork(project.folder)
    done = fit("-t")
    assert done.code == 0, done.err
    name = the_run(project.folder).name
    assert f"the tag {name} of {project.folder} is at origin" in done.err
    assert git(bare, "tag") == name
    assert git(bare, "rev-parse", f"{name}^{{commit}}") == git(project.folder, "rev-parse", "HEAD")
    told = record_of(project.folder / "logs" / name)["repositories"][str(project.folder)]
    assert (told["tag"], told["tag_remote"]) == (name, "origin")
    saved = yaml.safe_load((the_run(project.folder) / "config.yaml").read_text())
    assert not {"tag", "tag_remote"} & saved.keys()


def test_another_remote_takes_the_tag(project, fit, fork, git):
    bares = [fork(project.folder, name) for name in ("origin", "mine")]
    assert fit(*TAG, "--tag_remote", "mine").code == 0
    assert [git(bare, "tag") for bare in bares] == ["", "tiny_1"]


def test_a_tag_that_is_refused_stops_the_run_before_it_begins(project, fit, fork, git):
    bare = fork(project.folder, refuses=True)
    done = fit(*TAG)
    assert done.code == 1
    assert "was not taken by origin" in done.err
    assert "no tags here" in done.err
    assert git(project.folder, "tag") == git(bare, "tag") == ""
    assert list((project.folder / "logs").iterdir()) == []


def test_force_makes_no_tag_and_says_so(project, fit, fork, git):
    bare = fork(project.folder)
    done = fit(*TAG, "--force")
    assert done.code == 0, done.err
    assert "--force: no tag is made" in done.err
    assert git(project.folder, "tag") == git(bare, "tag") == ""
    assert "tag" not in record_of(project.folder / "logs" / "tiny_1")["repositories"][str(project.folder)]


def test_a_dirty_repository_gets_no_tag(project, fit, fork, git, change):
    bare = fork(project.folder)
    change()
    assert fit(*TAG).code == 2
    assert git(project.folder, "tag") == git(bare, "tag") == ""


def test_a_tag_without_remote_or_repository_is_refused_before_anything_is_read(project, fit, sample):
    sample.file("train").unlink()
    done = fit(*TAG)
    assert done.code == 2
    assert "--tag_remote: there is no remote 'origin'" in done.err
    shutil.rmtree(sample.folder / ".git")
    done = fit(*TAG)
    assert done.code == 2
    assert "--tag: no configuration file of this run lies in a git repository" in done.err


def test_going_on_with_a_tag_keeps_it_and_other_code_is_refused(project, fit, fork, git, commit, change):
    bare = fork(project.folder)
    assert fit(*TAG).code == 0
    before = git(bare, "rev-parse", "tiny_1")
    done = fit(*TAG, "--resume")
    assert done.code == 0, done.err
    assert git(bare, "rev-parse", "tiny_1") == before
    change()
    commit(project.folder, "tiny.yaml")
    done = fit(*TAG, "--resume")
    assert done.code == 2
    assert "names another commit" in done.err


@pytest.fixture
def installed(tmp_path_factory):
    """Run ``salt`` as it is where it was installed by copying, on two processes."""
    packages = tmp_path_factory.mktemp("venv") / "site-packages"
    for package in (salt_core, salt_plugins):
        folder = Path(next(iter(package.__path__)))
        shutil.copytree(folder, packages / folder.name, ignore=shutil.ignore_patterns("__pycache__", "*.h5"))

    def run(*words: object, folder: Path):
        command = [sys.executable, "-m", "salt_core", *map(str, words)]
        environment = os.environ | {"PYTHONPATH": str(packages), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env=environment, timeout=120, check=False
        )

    return run


TWO = ("--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "10")


def test_of_two_processes_one_looks_tags_and_records(sample, installed, commit, fork, git):
    (sample.folder / ".gitignore").write_text("*.h5\n")
    commit(sample.folder)
    bare = fork(sample.folder)
    done = installed("fit", "--config", "tiny.yaml", *TAG, *TWO, folder=sample.folder)
    assert done.returncode == 0, done.stderr
    assert git(bare, "tag") == "tiny_1"
    told = record_of(sample.folder / "logs" / "tiny_1")
    assert told["devices"] == ["cpu", "cpu"]
    assert list(told["repositories"]) == [str(sample.folder)]
    assert told["command"].endswith("--data.batch_size 10")
    assert "continued" not in told


@pytest.mark.full
def test_a_refused_tag_ends_both_processes(sample, installed, commit, fork):
    (sample.folder / ".gitignore").write_text("*.h5\n")
    commit(sample.folder)
    fork(sample.folder, refuses=True)
    done = installed("fit", "--config", "tiny.yaml", *TAG, *TWO, folder=sample.folder)
    assert done.returncode == 1
    assert done.stderr.count("\nerror: ") == 1, done.stderr
    assert "was not taken by origin" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (sample.folder / "logs" / "tiny_1").exists()

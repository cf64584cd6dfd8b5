"""Real git repositories, a fork of them, and ways in which the fork refuses."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from salt_core.training import provenance

Git = Callable[..., str]


@pytest.fixture
def git(monkeypatch: pytest.MonkeyPatch) -> Git:
    """Run git in a folder as a person of its own, whatever this machine's settings are."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Tester")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "tester@example.org")

    def run(folder: Path, *words: object) -> str:
        command = ["git", "-C", str(folder), *map(str, words)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    return run


@pytest.fixture
def commit(git: Git) -> Callable[..., str]:
    """Make a repository of a folder, or go on with it, and commit the files named, or all."""

    def make(folder: Path, *names: str) -> str:
        if not (folder / ".git").exists():
            git(folder, "init", "-q", "-b", "main")
        git(folder, "add", *(names or ["."]))
        git(folder, "commit", "-q", "-m", "state")
        return git(folder, "rev-parse", "HEAD")

    return make


@pytest.fixture
def fork(git: Git, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give a repository a remote, bare and empty."""

    def make(folder: Path, name: str = "origin", refuses: bool = False) -> Path:
        bare = tmp_path_factory.mktemp(f"{name}_bare")
        git(bare, "init", "-q", "--bare")
        git(folder, "remote", "add", name, bare)
        if refuses:
            hook = bare / "hooks" / "pre-receive"
            hook.parent.mkdir(exist_ok=True)
            hook.write_text("#!/bin/sh\necho no tags here >&2\nexit 1\n")
            hook.chmod(0o755)
        return bare

    return make


@pytest.fixture
def code_elsewhere(monkeypatch):
    """Leave the repository of this checkout out: it may hold changes."""
    monkeypatch.setattr(provenance, "code_files", lambda plugins: [])


@pytest.fixture
def project(sample, commit, code_elsewhere):
    """The folder of the samples as a repository that holds configuration and dicts."""
    (sample.folder / ".gitignore").write_text("*.h5\n")
    commit(sample.folder, ".gitignore", "tiny.yaml", "norm_dict.yaml", "class_dict.yaml")
    return sample


@pytest.fixture
def fit(sample, salt):
    def run(*words: object):
        done = salt("fit", "--config", sample.config, *words)
        assert "Traceback" not in done.err
        return done

    return run


@pytest.fixture
def change(project) -> Callable[[], None]:
    """Change the configuration of the project without committing that."""

    def run() -> None:
        project.config.write_text(project.config.read_text() + "seed_everything: 3\n")

    return run

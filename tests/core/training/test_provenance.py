"""Commits and uncommitted changes, in real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from salt_core.errors import ConfigError
from salt_core.training.provenance import refuse_uncommitted, repositories, uncommitted


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "config.yaml").write_text("a: 1\n")
    (tmp_path / ".gitignore").write_text("logs/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_repository_passes(repository):
    refuse_uncommitted([repository / "config.yaml"])
    assert list(repositories([repository / "config.yaml"])) == [repository]


def test_a_changed_file_is_named(repository):
    (repository / "config.yaml").write_text("a: 2\n")
    with pytest.raises(ConfigError, match=r"uncommitted changes in .*config\.yaml.*--force"):
        refuse_uncommitted([repository / "config.yaml"])


def test_an_untracked_file_counts_only_where_it_is_used(repository):
    (repository / "notes.txt").write_text("x")
    refuse_uncommitted([repository / "config.yaml"])
    (repository / "mine.yaml").write_text("x: 1\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        refuse_uncommitted([repository / "mine.yaml"])


def test_an_ignored_file_such_as_a_saved_configuration_passes(repository):
    (repository / "logs").mkdir()
    saved = repository / "logs" / "config.yaml"
    saved.write_text("a: 1\n")
    refuse_uncommitted([saved])
    assert uncommitted(repository, [saved]) == []


def test_no_repository_at_all(tmp_path):
    (tmp_path / "config.yaml").write_text("a: 1\n")
    refuse_uncommitted([tmp_path / "config.yaml"])
    assert repositories([tmp_path / "config.yaml"]) == {}


def test_the_command_refuses_and_force_goes_on(sample, salt):
    git(sample.folder, "init", "-q")
    git(sample.folder, "add", "tiny.yaml")
    git(sample.folder, "commit", "-qm", "first")
    sample.config.write_text(sample.config.read_text() + "seed_everything: 3\n")
    done = salt("fit", "--config", sample.config)
    assert done.code == 2
    assert "tiny.yaml" in done.err
    assert not (sample.folder / "logs").exists()
    assert salt("fit", "--config", sample.config, "--force").code == 0

"""What git says of a run's files, in real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.errors import ConfigError
from salt_core.training.repositories import Repository, shortened, survey, without_secrets


@pytest.fixture
def folder(tmp_path, commit):
    """A repository with a committed configuration, in which ``logs`` is ignored."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.yaml").write_text("a: 1\n")
    (folder / ".gitignore").write_text("logs/\n")
    commit(folder)
    return folder


def uncommitted(*files: Path) -> tuple[str, ...]:
    (repository,) = survey(files).repositories
    return repository.uncommitted


def test_a_clean_repository(folder, git):
    (repository,) = survey([folder / "config.yaml"]).repositories
    assert repository.path == folder
    assert repository.describe() == {
        "commit": git(folder, "rev-parse", "HEAD"),
        "branch": "main",
        "remotes": {},
        "dirty": False,
        "uncommitted": [],
    }


def test_every_kind_of_change_to_a_tracked_file(folder, git, commit):
    for name in ("staged.txt", "gone.txt", "old name.txt", "grün\n.txt"):
        (folder / name).write_text(f"content of {name}\n" * 20)
    commit(folder)
    (folder / "staged.txt").write_text("2")
    git(folder, "add", "staged.txt")
    (folder / "gone.txt").unlink()
    git(folder, "mv", "old name.txt", "new name.txt")
    (folder / "grün\n.txt").write_text("2")
    (folder / "config.yaml").write_text("a: 2\n")
    assert set(uncommitted(folder / "config.yaml")) == {
        "staged.txt", "gone.txt", "old name.txt", "new name.txt", "grün\n.txt", "config.yaml",
    }  # fmt: skip


def test_an_untracked_file_counts_only_where_it_is_used(folder):
    (folder / "notes.txt").write_text("x")
    (folder / "mine[1].yaml").write_text("x: 1\n")
    (folder / "mine1.yaml").write_text("x: 1\n")
    assert uncommitted(folder / "config.yaml") == ()
    assert uncommitted(folder / "config.yaml", folder / "mine[1].yaml") == ("mine[1].yaml (not tracked)",)


def test_an_ignored_file_passes(folder):
    (folder / "logs").mkdir()
    (folder / "logs" / "mine.yaml").write_text("x: 1\n")
    assert uncommitted(folder / "logs" / "mine.yaml") == ()


def test_what_a_run_has_written_is_no_source(folder):
    run = folder / "runs" / "GN2_1"
    (run / "plugins").mkdir(parents=True)
    used = [run / "config.yaml", run / "norm_dict.yaml", run / "plugins" / "mine.py"]
    for file in used:
        file.write_text("")
    assert len(uncommitted(*used)) == 3
    (run / "metadata.yaml").write_text("")
    assert uncommitted(*used) == ()


def test_a_link_counts_where_it_lies_and_where_it_leads(folder, tmp_path, commit):
    other = tmp_path / "other"
    other.mkdir()
    (other / "real.yaml").write_text("a: 1\n")
    (folder / "link.yaml").symlink_to(other / "real.yaml")
    (folder / "configs").symlink_to(other)
    commit(folder)
    commit(other)
    (other / "real.yaml").write_text("a: 2\n")
    found = survey([folder / "link.yaml", folder / "configs" / "real.yaml"])
    assert {r.path: r.uncommitted for r in found.repositories} == {folder: (), other: ("real.yaml",)}


def test_no_repository_at_all(tmp_path):
    (tmp_path / "config.yaml").write_text("a: 1\n")
    found = survey([tmp_path / "config.yaml"])
    assert (found.repositories, found.outside, found.faults) == ((), (tmp_path / "config.yaml",), ())


def test_a_repository_without_commit(tmp_path, git):
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "config.yaml").write_text("a: 1\n")
    (repository,) = survey([tmp_path / "config.yaml"]).repositories
    assert repository.commit is None
    assert repository.uncommitted == ("config.yaml (not tracked)",)


def test_a_commit_that_no_branch_holds(folder, git):
    git(folder, "checkout", "-q", "--detach")
    (repository,) = survey([folder / "config.yaml"]).repositories
    assert repository.branch is None
    assert repository.commit == git(folder, "rev-parse", "HEAD")


def test_a_repository_of_somebody_else_is_a_fault_and_not_silence(folder, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    found = survey([folder / "config.yaml"])
    assert not found.repositories
    assert not found.outside
    (fault,) = found.faults
    assert isinstance(fault, ConfigError)
    assert "dubious ownership" in str(fault)
    assert "safe.directory" in str(fault)


def test_variables_of_a_git_hook_do_not_mislead(folder, tmp_path, commit, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    (other / "x").write_text("x")
    commit(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    (repository,) = survey([folder / "config.yaml"]).repositories
    assert repository.path == folder
    assert repository.uncommitted == ()


def test_looking_waits_for_no_lock(folder):
    """Many jobs that start together look at one repository."""
    (folder / ".git" / "index.lock").write_text("")
    (folder / "config.yaml").write_text("a: 2\n")
    assert uncommitted(folder / "config.yaml") == ("config.yaml",)


def test_the_difference_up_to_a_limit(folder, git):
    (folder / "config.yaml").write_text("a: 2\n" * 1000)
    git(folder, "add", "config.yaml")
    repository = Repository.look(folder)
    whole = repository.diff(10**6)
    assert b"-a: 1\n+a: 2\n" in whole
    assert repository.diff(50) == whole[:50]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("https://me:token@host.org/x.git", "https://host.org/x.git"),
        ("https://token@host.org/x.git", "https://host.org/x.git"),
        ("fatal: 'http://a:b@c/d' and https://e@f/g", "fatal: 'http://c/d' and https://f/g"),
        ("ssh://git@host:7999/x.git", "ssh://git@host:7999/x.git"),
        ("ssh://me:secret@host/x.git", "ssh://me@host/x.git"),
        ("git@host.org:me/x.git", "git@host.org:me/x.git"),
        ("/home/me@site/x.git", "/home/me@site/x.git"),
    ],
)
def test_addresses_come_without_secrets(text, safe):
    assert without_secrets(text) == safe


def test_remotes_come_without_secrets(folder, git):
    git(folder, "remote", "add", "origin", "https://me:token@host.org/x.git")
    git(folder, "remote", "add", "upstream", "git@host.org:them/x.git")
    assert Repository.look(folder).remotes == {
        "origin": "https://host.org/x.git",
        "upstream": "git@host.org:them/x.git",
    }


def test_many_names_are_cut_short():
    assert shortened(["a", "b"], 2) == ["a", "b"]
    assert shortened(["a", "b", "c"], 1) == ["a", "and 2 more"]

"""Tags of runs, in real repositories with real remotes."""

from __future__ import annotations

import pytest

from salt_core.errors import ConfigError, RunError
from salt_core.training import tags as tags_module
from salt_core.training.repositories import Repository
from salt_core.training.tags import Tags, tags_for


@pytest.fixture
def folder(tmp_path, commit):
    return make(tmp_path / "mine", commit)


def make(folder, commit):
    folder.mkdir()
    (folder / "config.yaml").write_text("a: 1\n")
    commit(folder)
    return folder


def tags_of(*folders, remote="origin") -> Tags:
    return tags_for([Repository.look(folder) for folder in folders], remote)


def test_the_fork_receives_an_annotated_tag_of_the_commit(folder, git, fork):
    bare = fork(folder)
    tags = tags_of(folder)
    tags.check("GN2_1")
    tags.publish("GN2_1", "GN2_1\n\nsalt fit --config 'my config.yaml'")
    assert git(bare, "cat-file", "-t", "GN2_1") == "tag"
    assert git(bare, "rev-parse", "GN2_1^{commit}") == git(folder, "rev-parse", "HEAD")
    assert git(bare, "rev-parse", "GN2_1") == git(folder, "rev-parse", "GN2_1")
    assert "salt fit --config 'my config.yaml'" in git(bare, "cat-file", "tag", "GN2_1")
    assert git(bare, "for-each-ref", "refs/heads") == ""


def test_a_commit_that_no_branch_holds_is_tagged(folder, git, fork):
    bare = fork(folder)
    git(folder, "checkout", "-q", "--detach")
    tags_of(folder).publish("GN2_1", "GN2_1")
    assert git(bare, "rev-parse", "GN2_1^{commit}") == git(folder, "rev-parse", "HEAD")


def test_the_commit_that_was_looked_at_is_tagged_whatever_came_since(folder, git, fork, commit):
    bare = fork(folder)
    tags, looked_at = tags_of(folder), git(folder, "rev-parse", "HEAD")
    tags.check("GN2_1")
    (folder / "config.yaml").write_text("a: 2\n")
    commit(folder)
    tags.publish("GN2_1", "GN2_1")
    assert git(bare, "rev-parse", "GN2_1^{commit}") == looked_at


def test_a_remote_that_refuses_leaves_no_tag_here(folder, git, fork):
    bare = fork(folder, refuses=True)
    with pytest.raises(
        RunError, match=r"GN2_1 .* was not taken by origin .*no tags here.*--tag_remote"
    ) as told:
        tags_of(folder).publish("GN2_1", "GN2_1")
    assert told.value.exit_code == 1
    assert "\n" not in str(told.value)
    assert git(folder, "tag") == git(bare, "tag") == ""


def test_a_remote_that_is_not_there(folder, git):
    git(folder, "remote", "add", "origin", folder.parent / "nowhere.git")
    with pytest.raises(RunError, match=r"was not taken by origin .*nowhere\.git"):
        tags_of(folder).publish("GN2_1", "GN2_1")
    assert git(folder, "tag") == ""


def test_a_remote_that_gives_no_answer(folder, git, fork, monkeypatch):
    hook = fork(folder, refuses=True) / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexec sleep 5 >/dev/null 2>&1\n")
    monkeypatch.setattr(tags_module, "PATIENCE", 1)
    with pytest.raises(RunError, match="no answer for 1 s"):
        tags_of(folder).publish("GN2_1", "GN2_1")
    assert git(folder, "tag") == ""


def test_another_remote(folder, git, fork):
    origin, mine = fork(folder), fork(folder, "mine")
    tags_of(folder, remote="mine").publish("GN2_1", "GN2_1")
    assert git(mine, "tag") == "GN2_1"
    assert git(origin, "tag") == ""


@pytest.mark.parametrize("names", [[], ["theirs", "upstream"]])
def test_no_such_remote_names_those_there_are(folder, fork, names):
    for name in names:
        fork(folder, name)
    with pytest.raises(ConfigError, match=f"no remote 'origin'.*{'.*'.join(names) or 'none'}"):
        tags_of(folder)


def test_no_repository_to_tag():
    with pytest.raises(ConfigError, match=r"no configuration file .* lies in a git repository"):
        tags_of()


def test_a_tag_of_this_commit_is_kept_and_pushed(folder, git, fork):
    bare = fork(folder)
    tags_of(folder).publish("GN2_1", "GN2_1")
    first = git(folder, "rev-parse", "GN2_1")
    git(bare, "tag", "--delete", "GN2_1")
    tags_of(folder).check("GN2_1")
    tags_of(folder).publish("GN2_1", "again")
    assert git(folder, "rev-parse", "GN2_1") == git(bare, "rev-parse", "GN2_1") == first


def test_a_tag_that_was_there_stays_where_the_push_fails(folder, git, fork):
    fork(folder, refuses=True)
    git(folder, "tag", "GN2_1")
    with pytest.raises(RunError):
        tags_of(folder).publish("GN2_1", "GN2_1")
    assert git(folder, "tag") == "GN2_1"


def test_a_tag_of_another_commit_is_neither_moved_nor_pushed(folder, git, fork, commit):
    bare = fork(folder)
    git(folder, "tag", "GN2_1")
    (folder / "config.yaml").write_text("a: 2\n")
    commit(folder)
    with pytest.raises(ConfigError, match=r"names another commit.*--log_suffix"):
        tags_of(folder).check("GN2_1")
    with pytest.raises(ConfigError, match="names another commit"):
        tags_of(folder).publish("GN2_1", "GN2_1")
    assert git(bare, "tag") == ""


def test_a_tag_of_the_fork_is_not_overwritten(folder, git, fork, commit):
    bare = fork(folder)
    tags_of(folder).publish("GN2_1", "GN2_1")
    before = git(bare, "rev-parse", "GN2_1")
    git(folder, "tag", "--delete", "GN2_1")
    git(folder, "config", "push.default", "matching")
    (folder / "config.yaml").write_text("a: 2\n")
    commit(folder)
    with pytest.raises(RunError, match="already exists"):
        tags_of(folder).publish("GN2_1", "GN2_1")
    assert git(bare, "rev-parse", "GN2_1") == before
    assert git(folder, "tag") == ""


@pytest.mark.parametrize("name", ["GN2_a b", "GN2_a..b", "GN2_x.lock", "-GN2_1", "GN2_~1"])
def test_names_that_no_tag_can_have(folder, fork, name):
    fork(folder)
    with pytest.raises(ConfigError, match="cannot name a tag"):
        tags_of(folder).check(name)


def test_a_repository_without_commit(tmp_path, git, fork):
    git(tmp_path, "init", "-q")
    fork(tmp_path)
    with pytest.raises(ConfigError, match="has no commit yet"):
        tags_of(tmp_path).check("GN2_1")


def test_git_does_not_know_who_tags(folder, git, fork, monkeypatch):
    fork(folder)
    git(folder, "config", "user.useConfigOnly", "true")
    for variable in ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(variable)
    with pytest.raises(RunError, match=r"git cannot make the tag GN2_1 .*user\.email"):
        tags_of(folder).publish("GN2_1", "GN2_1")


def test_every_repository_with_the_remote_is_tagged(folder, tmp_path, git, fork, commit, caplog):
    other, third = (make(tmp_path / name, commit) for name in ("other", "third"))
    bares = [fork(folder), fork(other)]
    tags = tags_of(folder, other, third)
    assert [repository.path for repository in tags.repositories] == [folder, other]
    tags.publish("GN2_1", "GN2_1")
    assert [git(bare, "tag") for bare in bares] == ["GN2_1", "GN2_1"]
    assert git(third, "tag") == ""


def test_where_the_second_repository_fails_the_first_is_told(folder, tmp_path, git, fork, commit):
    other = make(tmp_path / "other", commit)
    first = fork(folder)
    fork(other, refuses=True)
    with pytest.raises(RunError, match=rf"It is at {first} already, where 'git push origin --delete GN2_1'"):
        tags_of(folder, other).publish("GN2_1", "GN2_1")
    assert git(folder, "tag") == git(other, "tag") == ""

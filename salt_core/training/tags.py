"""Tags that name the commit of a run, in the user's own fork."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from salt_core.errors import ConfigError, RunError
from salt_core.training.repositories import Repository, git, said

log = logging.getLogger("salt.provenance")

FLAG, REMOTE_FLAG = "--tag", "--tag_remote"
#: Seconds that a remote has to take a tag.
PATIENCE = 120


@dataclass(frozen=True)
class Tags:
    """The repositories in which a run is tagged, and the remote that takes the tags.

    Parameters
    ----------
    repositories : tuple of Repository
        Those of the run's configuration files which have the remote.
    remote : str
        Its name.
    """

    repositories: tuple[Repository, ...]
    remote: str

    def check(self, name: str) -> None:
        """See that a tag can be made, without making it.

        Raises
        ------
        ConfigError
            Where `name` is none for a tag, or tags another commit.
        """
        for repository in self.repositories:
            if repository.ask("check-ref-format", _ref(name)) is None or name.startswith("-"):
                raise ConfigError(f"{name!r} cannot name a tag; choose another --name or --log_suffix", FLAG)
            if repository.commit is None:
                raise ConfigError(f"{repository.path} has no commit yet that could be tagged", FLAG)
            _exists(repository, name)

    def publish(self, name: str, message: str) -> None:
        """Tag the commits of the run, and push the tags.

        Raises
        ------
        RunError
            Where a tag cannot be made or the remote does not take it; no new tag stays here then.
        """
        made: list[Repository] = []
        pushed: list[Repository] = []
        try:
            for repository in self.repositories:
                if not _exists(repository, name):
                    _make(repository, name, message)
                    made.append(repository)
                self._push(repository, name, pushed)
                pushed.append(repository)
        except BaseException:
            for repository in made:
                git(repository.path, "tag", "--delete", name)
            raise

    def _push(self, repository: Repository, name: str, pushed: Sequence[Repository]) -> None:
        try:
            done = git(repository.path, "push", self.remote, f"{_ref(name)}:{_ref(name)}", timeout=PATIENCE)
            failure = said(done.stderr) if done.returncode else ""
        except subprocess.TimeoutExpired:
            failure = f"no answer for {PATIENCE} s"
        if failure:
            address = repository.remotes.get(self.remote)
            there = "".join(
                f". It is at {other.remotes[self.remote]} already, where "
                f"'git push {self.remote} --delete {name}' removes it"
                for other in pushed
            )
            raise RunError(
                f"the tag {name} of {repository.path} was not taken by {self.remote} ({address}): {failure}. "
                f"No training has begun; name another remote with {REMOTE_FLAG}, or leave {FLAG} out{there}",
                FLAG,
            )
        log.info("the tag %s of %s is at %s", name, repository.path, self.remote)


def tags_for(repositories: Sequence[Repository], remote: str) -> Tags:
    """Choose where a run is tagged: in the repositories of its configuration files that have the remote.

    Raises
    ------
    ConfigError
        Where there is none.
    """
    if not repositories:
        raise ConfigError(
            "no configuration file of this run lies in a git repository that could be tagged", FLAG
        )
    chosen = tuple(repository for repository in repositories if remote in repository.remotes)
    if not chosen:
        known = "; ".join(f"{r.path} has {', '.join(r.remotes) or 'none'}" for r in repositories)
        raise ConfigError(f"there is no remote {remote!r} to push the tag to: {known}", REMOTE_FLAG)
    for repository in repositories:
        if repository not in chosen:
            log.warning("%s has no remote %s, so it is not tagged", repository.path, remote)
    return Tags(chosen, remote)


def _make(repository: Repository, name: str, message: str) -> None:
    assert repository.commit is not None
    done = git(repository.path, "tag", "--annotate", "--message", message, name, repository.commit)
    if done.returncode:
        raise RunError(f"git cannot make the tag {name} in {repository.path}: {said(done.stderr)}", FLAG)


def _exists(repository: Repository, name: str) -> bool:
    """Tell whether the commit has the tag already.

    Raises
    ------
    ConfigError
        Where another commit has it.
    """
    tagged = repository.ask("rev-parse", "--verify", "--quiet", f"{_ref(name)}^{{commit}}")
    if tagged not in (None, repository.commit):
        raise ConfigError(
            f"the tag {name} in {repository.path} names another commit, {tagged}; choose another --log_suffix, "
            "or leave --tag out",
            FLAG,
        )
    return tagged is not None


def _ref(name: str) -> str:
    return f"refs/tags/{name}"

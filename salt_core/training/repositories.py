"""The git repositories that a run's files lie in: their state, and what of it is not committed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from salt_core.errors import ConfigError, SaltError
from salt_core.training.run_files import CONFIG_NAME, METADATA_NAME

# Set inside git's own hooks; each would have git look at another repository than the one of the folder.
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE")
_SECRET = re.compile(r"(?P<scheme>\bhttps?://)[^/@\s]+@|(?P<user>://[^:/@\s]+):[^/@\s]+(?=@)")


def has_git() -> bool:
    """Tell whether git is installed."""
    return shutil.which("git") is not None


def git(folder: Path, *arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run git in `folder`; what it says is in English.

    Parameters
    ----------
    folder : Path
        Where.
    arguments : str
        The subcommand and what follows it.
    timeout : float, optional
        Seconds after which it is ended, with `subprocess.TimeoutExpired`.
    """
    return subprocess.run(  # noqa: S603 - fixed program, arguments of ours
        _command(folder, *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=_environment(),
        timeout=timeout,
        check=False,
    )


def said(text: str) -> str:
    """Write what git said in one line, without passwords."""
    return without_secrets(" ".join(text.split()))


def without_secrets(text: str) -> str:
    """Take passwords and tokens out of the addresses in a text; the user of ``ssh://git@host`` stays."""
    return _SECRET.sub(lambda found: found["scheme"] or found["user"], text)


def shortened(names: Sequence[str], limit: int) -> list[str]:
    """Return the first names, and how many more there are."""
    more = len(names) - limit
    return [*names[:limit], *([f"and {more} more"] if more > 0 else [])]


@dataclass(frozen=True)
class Repository:
    """A repository and those of its files that a run uses.

    Parameters
    ----------
    path : Path
        Its top folder.
    used : tuple of Path
        The files, absolute and without links.
    commit : str or None
        The commit that was checked out when it was looked at; None before the first one.
    """

    path: Path
    used: tuple[Path, ...]
    commit: str | None

    @classmethod
    def look(cls, path: Path, used: Sequence[Path] = ()) -> Repository:
        """Look at a repository."""
        done = git(path, "rev-parse", "--verify", "--quiet", "HEAD")
        return cls(path, tuple(used), done.stdout.strip() or None)

    @property
    def branch(self) -> str | None:
        """The branch that is checked out; None where a commit is by itself."""
        return self.ask("symbolic-ref", "--short", "--quiet", "HEAD")

    @cached_property
    def remotes(self) -> dict[str, str]:
        """Addresses of the remotes by name, without passwords."""
        names = (self.ask("remote") or "").splitlines()
        return {name: without_secrets(self.ask("remote", "get-url", name) or "") for name in names}

    @cached_property
    def uncommitted(self) -> tuple[str, ...]:
        """Tracked files with changes, and used files that git neither tracks nor ignores."""
        options = ("--untracked-files=no", "--ignore-submodules=untracked", "--no-renames")
        changed = self._names("status", "--porcelain", "-z", *options)
        return (*(name[3:] for name in changed), *(f"{name} (not tracked)" for name in self._untracked()))

    def diff(self, limit: int) -> bytes:
        """Return what has changed since the commit, the first `limit` bytes of it."""
        options = ("--no-color", "--no-ext-diff", "--no-textconv")
        command = _command(self.path, "diff", *options, self.commit or "--cached")
        with subprocess.Popen(  # noqa: S603 - fixed program, arguments of ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        ) as process:
            assert process.stdout is not None
            text = process.stdout.read(limit)
            process.kill()
        return text

    def describe(self) -> dict[str, Any]:
        """Say it in ``metadata.yaml``."""
        return {
            "commit": self.commit,
            "branch": self.branch,
            "remotes": self.remotes,
            "dirty": bool(self.uncommitted),
            "uncommitted": shortened(self.uncommitted, 100),
        }

    def ask(self, *arguments: str) -> str | None:
        """Return what git answers; None where it has no answer."""
        done = git(self.path, *arguments)
        return done.stdout.rstrip("\n") if done.returncode == 0 else None

    def _untracked(self) -> list[str]:
        files = [str(file) for file in self.used if not _is_of_a_run(file)]
        return self._names("ls-files", "--others", "--exclude-standard", "-z", "--", *files) if files else []

    def _names(self, *arguments: str) -> list[str]:
        done = git(self.path, "--literal-pathspecs", *arguments)
        if done.returncode:
            raise ConfigError(_cannot_look(self.path, done.stderr))
        return done.stdout.split("\0")[:-1]


@dataclass(frozen=True)
class Survey:
    """Where files lie.

    Parameters
    ----------
    repositories : tuple of Repository
        The repositories that hold some of them.
    outside : tuple of Path
        Files in no repository.
    faults : tuple of SaltError
        Where git cannot tell.
    """

    repositories: tuple[Repository, ...] = ()
    outside: tuple[Path, ...] = ()
    faults: tuple[SaltError, ...] = ()


def survey(files: Iterable[Path]) -> Survey:
    """Group files by the repository that they lie in; git must be installed."""
    places = list(dict.fromkeys(place for file in files for place in _places(file)))
    tops: dict[Path, Path | None] = {}
    faults: list[SaltError] = []
    for folder in dict.fromkeys(place.parent for place in places):
        try:
            tops[folder] = _top(folder)
        except ConfigError as fault:
            faults.append(fault)
    groups: dict[Path | None, list[Path]] = {}
    for place in places:
        if place.parent in tops:
            groups.setdefault(tops[place.parent], []).append(place)
    outside = tuple(groups.pop(None, ()))
    found = tuple(Repository.look(top, used) for top, used in groups.items() if top)
    return Survey(found, outside, tuple(faults))


def _places(file: Path) -> Sequence[Path]:
    """Return where a file lies, and where the file lies that it is a link to."""
    return tuple(dict.fromkeys((file.parent.resolve() / file.name, file.resolve())))


def _top(folder: Path) -> Path | None:
    """Return the top of the repository that a folder lies in; None where it lies in none.

    Raises
    ------
    ConfigError
        Where git refuses to look, such as into a repository of somebody else.
    """
    done = git(folder, "rev-parse", "--show-toplevel")
    if done.returncode == 0:
        return Path(done.stdout.rstrip("\n"))
    if "not a git repository" in done.stderr:
        return None
    raise ConfigError(_cannot_look(folder, done.stderr))


def _cannot_look(folder: Path, error: str) -> str:
    return f"git cannot look for uncommitted changes in {folder}: {said(error)}. Mend it, or give --force"


def _is_of_a_run(file: Path) -> bool:
    """Tell whether a run has written the file: its configuration and copies record sources, they are none."""
    names = (CONFIG_NAME, METADATA_NAME)
    return any(all((folder / name).is_file() for name in names) for folder in list(file.parents)[:3])


def _command(folder: Path, *arguments: str) -> list[str]:
    program = shutil.which("git")
    if program is None:
        raise ConfigError("git is not installed")
    return [program, "-C", str(folder), *arguments]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return kept | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}

"""What is looked at: an installed distribution, the folder of a package that need not be installed, or a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import importlib_metadata

from salt_core.authoring.checking.findings import Finding
from salt_core.errors import ConfigError, suggest
from salt_core.registry.blocking import normalised
from salt_core.registry.discovery import GROUP, OWN_DISTRIBUTION
from salt_core.registry.local import VARIABLE

EXAMPLE = f'[project.entry-points.{GROUP}] with a line such as my_plugin = "my_package"'


@dataclass(frozen=True)
class Subject:
    """A package or a file that offers plugins.

    Parameters
    ----------
    distribution, version : str
        Of a package; the path and ``local`` of a file.
    entries : mapping of str to str
        The modules that entry points name, by the names of these.
    where : str
        The file that says so.
    file : Path, optional
        The plugin file, where it is one.
    roots : tuple of Path
        Folders to import from, where it is not installed.
    findings : tuple of Finding
        What is wrong with its metadata.
    """

    distribution: str
    version: str
    entries: Mapping[str, str]
    where: str
    file: Path | None = None
    roots: tuple[Path, ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    @property
    def title(self) -> str:
        """What the report calls it."""
        return str(self.file) if self.file else f"{self.distribution} {self.version}"

    def environment(self, more: Sequence[Path] = ()) -> dict[str, str]:
        """Return the environment of a process that finds the plugins.

        Parameters
        ----------
        more : sequence of Path, optional
            Further folders to import from, before all others.
        """
        paths = [*map(str, (*more, *self.roots)), os.environ.get("PYTHONPATH", "")]
        files = [*([str(self.file)] if self.file else []), os.environ.get(VARIABLE, "")]
        return os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            VARIABLE: os.pathsep.join(filter(None, files)),
        }


def installed_subjects() -> list[Subject]:
    """Return every distribution that offers plugins, but for salt's own."""
    entries = importlib_metadata.entry_points(group=GROUP)
    found = {entry.dist.name for entry in entries if entry.dist is not None}
    others = sorted(name for name in found if normalised(name) != OWN_DISTRIBUTION)
    return [_of_distribution(name) for name in others]


def file_subject(path: Path) -> Subject:
    """Return a plugin file."""
    return Subject(str(path), "local", {path.stem: path.name}, str(path), file=path)


def named_subject(name: str) -> Subject:
    """Find an installed distribution, by its name or by that of one of its entry points.

    Raises
    ------
    ConfigError
        Where there is none.
    """
    entries = importlib_metadata.entry_points(group=GROUP)
    owners = [entry.dist.name for entry in entries if entry.name == name and entry.dist is not None]
    for candidate in (name, *owners):
        try:
            return _of_distribution(candidate)
        except importlib_metadata.PackageNotFoundError:
            continue
    known = {entry.name for entry in entries} | {entry.dist.name for entry in entries if entry.dist}
    raise ConfigError(
        f"no distribution and no plugin that is installed is called {name!r}, and there is no such file or "
        f"folder; {suggest(name, known)}",
        "salt plugins check",
    )


def faults_of_entries(entries: Mapping[str, Mapping[str, str]], where: str) -> list[Finding]:
    """Say what is wrong with entry points.

    Parameters
    ----------
    entries : mapping of str to mapping of str to str
        Modules by name, by group.
    where : str
        The file that has them.
    """
    if not entries.get(GROUP):
        like = [group for group in entries if "salt" in group.lower()]
        wrong = f"; they are in the group {', '.join(like)}" if like else ""
        message = f"there is no entry point of the group {GROUP!r}{wrong}: add {EXAMPLE}"
        return [Finding(where, "", message)]
    return [
        Finding(where, f"entry point {name}", f'{value!r} names no module; write it as "package.module"')
        for name, value in entries[GROUP].items()
        if not _names_module(value)
    ]


def entries_of(groups: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the entry points that name a module, of the group that counts."""
    return {name: value for name, value in groups.get(GROUP, {}).items() if _names_module(value)}


def _names_module(value: str) -> bool:
    return re.fullmatch(r"[\w.]+(:[\w.]+)?", value) is not None


def _of_distribution(name: str) -> Subject:
    dist = importlib_metadata.Distribution.from_name(name)
    groups: dict[str, dict[str, str]] = {}
    for entry in dist.entry_points:
        groups.setdefault(entry.group, {})[entry.name] = entry.value
    where = f"entry_points.txt of {dist.name}"
    return Subject(
        dist.name,
        dist.version,
        entries_of(groups),
        where,
        findings=tuple(faults_of_entries(groups, where)),
    )

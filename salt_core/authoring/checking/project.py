"""The folder of a package: what its pyproject.toml says, and a stand-in for its installation."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt_core.authoring.checking.findings import Finding, place
from salt_core.authoring.checking.subject import Subject, entries_of, faults_of_entries
from salt_core.errors import ConfigError
from salt_core.registry.discovery import GROUP

NAME = "pyproject.toml"


def project_subject(folder: Path) -> Subject:
    """Read the folder of a package.

    Parameters
    ----------
    folder : Path
        It has a ``pyproject.toml``; the package lies in it or in ``src/``.

    Raises
    ------
    ConfigError
        Where there is no ``pyproject.toml``, or it cannot be read.
    """
    path = folder / NAME
    try:
        project = tomllib.loads(path.read_text()).get("project", {})
    except OSError as error:
        raise ConfigError(
            f"there is no {NAME} that can be read ({error.strerror}); give the folder of a package, or a .py file",
            str(folder),
        ) from error
    except ValueError as error:
        raise ConfigError(f"is no TOML: {error}", str(path)) from error
    where = place(str(path))
    groups = _groups(project)
    findings = faults_of_entries(groups, where)
    name = project.get("name")
    if not isinstance(name, str):
        findings.append(Finding(where, "project.name", "the package has no name; give it one"))
    entries = entries_of(groups)
    return Subject(
        name if isinstance(name, str) else folder.name,
        str(project.get("version", "0")),
        entries,
        where,
        roots=(_root(folder, entries),),
        findings=tuple(findings),
    )


def stand_in(subject: Subject, folder: Path) -> Path:
    """Write metadata as an installation leaves it, and return the folder to import from."""
    name = subject.distribution.replace("-", "_")
    info = folder / f"{name}-{subject.version}.dist-info"
    info.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {subject.distribution}\nVersion: {subject.version}\n"
    (info / "METADATA").write_text(head)
    lines = [f"[{GROUP}]", *(f"{entry} = {module}" for entry, module in subject.entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def _groups(project: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the entry points by group; a group whose name has dots and no quotes is a table in a table."""
    found: dict[str, dict[str, str]] = {}

    def collect(tables: Mapping[str, Any], name: str) -> None:
        for key, value in tables.items():
            if isinstance(value, Mapping):
                collect(value, f"{name}.{key}" if name else str(key))
            else:
                found.setdefault(name, {})[str(key)] = str(value)

    collect(project.get("entry-points", {}), "")
    return found


def _root(folder: Path, entries: Mapping[str, str]) -> Path:
    """Return the folder that holds the package."""
    tops = {value.partition(":")[0].partition(".")[0] for value in entries.values()}
    source = folder / "src"
    return (
        source if any((source / top).exists() or (source / f"{top}.py").exists() for top in tops) else folder
    )

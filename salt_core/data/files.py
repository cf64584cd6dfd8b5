"""Samples of several files: lists and wildcards."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from salt_core.config.paths import resolve_path
from salt_core.errors import ConfigError
from salt_core.files import shown


def expand(paths: Sequence[Path], where: str = "") -> tuple[Path, ...]:
    """Put what fits a wildcard, sorted, in its place.

    Parameters
    ----------
    paths : sequence of Path
        Files; those that do not exist may be wildcards.
    where : str, optional
        The YAML key path that names them.

    Raises
    ------
    ConfigError
        Where nothing fits, or a file comes twice.
    """
    found = [path for pattern in paths for path in _matches(pattern, where)]
    twice = [str(path) for path, count in Counter(found).items() if count > 1]
    if twice:
        raise ConfigError(f"named more than once: {', '.join(twice)}", where)
    if not found:
        raise ConfigError("an empty list of files; name one at least", where)
    return tuple(found)


def files_named(names: Sequence[str], where: str = "") -> tuple[Path, ...]:
    """Return the files that a command line names, wildcards expanded.

    Raises
    ------
    ConfigError
        Where nothing fits a wildcard, or a file comes twice.
    """
    return expand([resolve_path(name, Path.cwd()) for name in names], where)


def names_of(files: Sequence[Path]) -> str:
    """Name the files of a sample in a message."""
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{shown(files[0])}{more}"


def _matches(pattern: Path, where: str) -> list[Path]:
    if pattern.exists() or not glob.has_magic(str(pattern)):
        return [pattern]
    root = Path(pattern.anchor)
    found = sorted(root.glob(str(pattern.relative_to(root))))
    if not found:
        raise ConfigError(f"no file fits {pattern}", where)
    return found

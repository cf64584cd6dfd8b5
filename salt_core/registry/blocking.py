"""Plugins that the user wants left out, for one call or for all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from salt_core.errors import ConfigError

VARIABLE = "SALT_BLOCK_PLUGINS"
FLAG = "--no-plugin"


def blocked_names() -> set[str]:
    """Return what ``SALT_BLOCK_PLUGINS`` names: entry points, files without ``.py``, or distributions."""
    return {normalised(part) for part in os.environ.get(VARIABLE, "").split(",") if part.strip()}


def normalised(name: str) -> str:
    """Write a name as package indices compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def take_flags(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take ``--no-plugin NAME`` out of a command line, wherever it stands before a ``--``.

    Returns
    -------
    rest, names : list of str
        The other words, and the names.

    Raises
    ------
    ConfigError
        Where a name is missing.
    """
    rest: list[str] = []
    names: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        flag, equals, name = word.partition("=")
        if word == "--":
            return [*rest, word, *left], names
        if flag != FLAG:
            rest.append(word)
            continue
        name = name if equals else (left.pop(0) if left else "")
        if not name or name.startswith("-"):
            raise ConfigError("give the name of a plugin or of a distribution", FLAG)
        names.append(name)
    return rest, names


@contextmanager
def blocked(names: Sequence[str]) -> Iterator[None]:
    """Block plugins in this process, and in all that it starts, which see it in their environment."""
    if not names:
        yield
        return
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = ",".join([*([before] if before else []), *names])
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before

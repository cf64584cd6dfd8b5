"""The submit description, as text, and what may stand in it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from salt_core import ConfigError
from salt_core.errors import suggest
from salt_plugins.batch.htcondor.keywords import ATTRIBUTE, KNOWN, OWN, is_known

SIZE = re.compile(r"\d+(\.\d+)?\s*([KMGT]B?)?", re.ASCII | re.IGNORECASE)

# What a macro begins with: there is a way to write a dollar alone, none that leaves these as they are.
MACRO = re.compile(r"\$[$(]")


def description(commands: Mapping[str, str], count: int) -> str:
    """Write a submit description.

    Parameters
    ----------
    commands : mapping of str to str
        Values by command, as they are to stand in the file.
    count : int
        How many jobs.

    Raises
    ------
    ConfigError
        For a value of several lines.
    """
    lines = [f"{name} = {_line(name, value)}" for name, value in commands.items()]
    return "\n".join([*lines, f"queue {count}", ""])


def own_words(options: Mapping[str, str | None]) -> dict[str, str]:
    """Check the words that go into the description as they are: commands, or attributes of the job.

    Raises
    ------
    ConfigError
        For a command that HTCondor does not know, that is not for the user to choose, or without a value.
    """
    found = {}
    for name, value in options.items():
        if not value:
            raise ConfigError(f"give a value, such as condor.{name}=1", f"condor.{name}")
        found[_command(name)] = value
    return found


def text(value: str, where: str) -> str:
    """Write a ClassAd string.

    Raises
    ------
    ConfigError
        Where it would not arrive as it is.
    """
    if "\\" in value or MACRO.search(value):
        message = (
            f"{value!r} cannot stand in a submit description: backslashes, $( and $$ are not taken there"
        )
        raise ConfigError(message, where)
    return '"' + value.replace('"', '\\"').replace("$", "$(DOLLAR)") + '"'


def size(value: str, where: str) -> str:
    """Check an amount of memory or disk; a bare number would be megabytes of one and kilobytes of the other."""
    found = SIZE.fullmatch(value.strip())
    if found is None or found[2] is None:
        raise ConfigError(f"{value!r} is no size; write one with its unit, such as 16GB or 512MB", where)
    return value.strip()


def _command(name: str) -> str:
    attribute = ATTRIBUTE.fullmatch(name)
    if attribute:
        return f"MY.{attribute[1]}"
    command = name.lower()
    if command in OWN:
        raise ConfigError("this is for salt to write", f"condor.{name}")
    if is_known(command):
        return command
    hint = suggest(command, KNOWN).partition("Choices:")[0]
    message = (
        f"HTCondor knows no such command; {hint}an attribute of the job is written condor.MY.{name}=VALUE"
    )
    raise ConfigError(message, f"condor.{name}")


def _line(name: str, value: str) -> str:
    if not value.isprintable() or value.endswith("\\"):
        message = f"{value!r} does not end with its line, or has characters that cannot be printed"
        raise ConfigError(message, name)
    return value

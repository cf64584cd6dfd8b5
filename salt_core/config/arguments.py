"""The arguments of ``salt fit`` and its siblings: which files, which flags, and what to print instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salt_core.config.merge import Layer
from salt_core.errors import ConfigError

SHORT = {"-n": "--name", "-f": "--force", "-t": "--tag", "-h": "--help"}
CONFIG, PRINT_CONFIG, HELP = "--config", "--print_config", "--help"
ALLOW_CLASS_PATHS = "--allow_class_paths"
OWN = (CONFIG, PRINT_CONFIG, HELP, ALLOW_CLASS_PATHS)
"""Flags that set no value of the configuration."""
PLUGIN_HELP = ".help"


@dataclass(frozen=True)
class Flag:
    """One flag as it was typed.

    Parameters
    ----------
    name : str
        Such as ``--model.tasks.track_origin.weight``.
    text : str or None
        Its value; None where it stands alone, which means ``true``.
    """

    name: str
    text: str | None

    @property
    def path(self) -> tuple[str | int, ...]:
        """The key path that the flag sets; a number among the keys is one, as in a label map."""
        return tuple(int(part) if part.isdecimal() else part for part in self.name[2:].split("."))

    def layer(self) -> Layer:
        """Return the flag as a layer of configuration; its paths are relative to the current folder.

        Raises
        ------
        ConfigError
            Where the value is not YAML, or a key is empty.
        """
        # Completion and listing know the names of flags alone, and YAML takes its time to import.
        from salt_core.config.yaml import load_value

        if "" in self.path:
            raise ConfigError("a flag is written --section.option VALUE", self.name)
        tree: Any = True if self.text is None else load_value(self.text, self.name)
        for key in reversed(self.path):
            tree = {key: tree}
        return Layer(tree, self.name, Path.cwd(), self.text)


@dataclass(frozen=True)
class Arguments:
    """What a command was called with.

    Parameters
    ----------
    configs : tuple of str
        The files, in the order in which they were named.
    flags : tuple of Flag
        The values set, in their order.
    print_config : bool
        Whether to print the resolved configuration instead of running.
    help : bool
        Whether to explain all options instead of running.
    plugin_help : Flag or None
        The flag that asks for the options of a plugin, such as ``--model.encoder.help gn2``.
    allow_class_paths : tuple of str
        Modules whose classes YAML may name by ``class_path``, beside Lightning's own. It is no part of
        the configuration, which must not allow itself anything.
    """

    configs: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    print_config: bool = False
    help: bool = False
    plugin_help: Flag | None = None
    allow_class_paths: tuple[str, ...] = ()


def parse(arguments: Sequence[str]) -> Arguments:
    """Read the arguments that follow the command's name.

    A flag takes its value after ``=`` or as the next word, unless that is a flag itself; a number such as
    ``-1`` is none. The last of several values counts, files add up.

    Raises
    ------
    ConfigError
        For a word that is no flag's, an unknown short flag, or ``--config`` without a file.
    """
    flags = list(_flags(arguments))
    helps = [flag for flag in flags if flag.name.endswith(PLUGIN_HELP)]
    rest = [flag for flag in flags if flag not in helps]
    return Arguments(
        configs=tuple(_file(flag) for flag in rest if flag.name == CONFIG),
        flags=tuple(flag for flag in rest if flag.name not in OWN),
        print_config=any(flag.name == PRINT_CONFIG for flag in rest),
        help=any(flag.name == HELP for flag in rest),
        plugin_help=helps[0] if helps else None,
        allow_class_paths=tuple(_module(flag) for flag in rest if flag.name == ALLOW_CLASS_PATHS),
    )


def _flags(arguments: Sequence[str]) -> list[Flag]:
    flags = []
    words = list(arguments)
    while words:
        word = words.pop(0)
        name, equals, text = word.partition("=")
        name = SHORT.get(name, name)
        if not name.startswith("--") or name == "--":
            known = ", ".join(f"{short} ({long})" for short, long in SHORT.items())
            raise ConfigError(
                f"{word!r} is not expected here; options are written --section.option VALUE, short are {known}"
            )
        if equals:
            flags.append(Flag(name, text))
        elif name in (HELP, PRINT_CONFIG) or not words or _is_flag(words[0]):
            flags.append(Flag(name, None))
        else:
            flags.append(Flag(name, words.pop(0)))
    return flags


def _is_flag(word: str) -> bool:
    return word.startswith("--") or word.partition("=")[0] in SHORT


def _module(flag: Flag) -> str:
    if not flag.text or not all(word.isidentifier() for word in flag.text.split(".")):
        got = "no value" if flag.text is None else repr(flag.text)
        raise ConfigError(f"give a module, such as my_package.callbacks; got {got}", flag.name)
    return flag.text


def _file(flag: Flag) -> str:
    if not flag.text:
        raise ConfigError("give the path of a YAML file", flag.name)
    return flag.text

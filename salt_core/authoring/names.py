"""What the parts of a new package are called."""

from __future__ import annotations

import re
from dataclasses import dataclass

import importlib_metadata

from salt_core.commands.built_in import COMMANDS
from salt_core.errors import ConfigError
from salt_core.kinds import BY_NAME
from salt_core.registry import Registry

PREFIX = "salt-plugin-"
LONGEST = 40

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")

#: Module of the package that holds the plugin, and the last word of its class, by kind; a command is a function.
PARTS = {
    "encoder": ("encoder", "Encoder"),
    "task": ("head", "Head"),
    "loss": ("loss", "Loss"),
    "dataloader": ("loader", "Dataloader"),
    "staging": ("staging", "Staging"),
    "batch": ("backend", "Batch"),
    "callback": ("callback", "Callback"),
    "optimizer": ("optimizer", "Optimizer"),
    "augmentation": ("augmentation", "Augmentation"),
    "logger": ("logger", "Tracker"),
    "command": ("command", ""),
}


@dataclass(frozen=True)
class Names:
    """The names that follow from a plugin's own.

    Parameters
    ----------
    kind : str
        The kind of plugin.
    words : tuple of str
        The words of its name, in lower case.
    """

    kind: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, kind: str, name: str) -> Names:
        """Take the words out of what a user calls the plugin; ``salt-plugin-`` in front of it is left out.

        Raises
        ------
        ConfigError
            Where no plugin can be called so.
        """
        short = name.removeprefix(PREFIX)
        if not _NAME.fullmatch(short) or len(short) > LONGEST:
            raise ConfigError(
                f"{name!r} is no name for a plugin: it has a small letter and then small letters and digits, "
                f"with single - or _ between them, and {LONGEST} characters at most, such as jet_charge",
                "NAME",
            )
        return cls(kind, tuple(re.split("[-_]", short)))

    @property
    def name(self) -> str:
        """What YAML calls it, or the shell where it is a command."""
        return ("-" if BY_NAME[self.kind].made else "_").join(self.words)

    @property
    def distribution(self) -> str:
        """What pip calls the package, and the name of its folder."""
        return PREFIX + "-".join(self.words)

    @property
    def package(self) -> str:
        """What Python calls it."""
        return self.distribution.replace("-", "_")

    @property
    def module(self) -> str:
        """The module of the package that holds the plugin."""
        return PARTS[self.kind][0]

    @property
    def attribute(self) -> str:
        """The class, or the function of a command."""
        suffix = PARTS[self.kind][1]
        return "".join(word.capitalize() for word in self.words) + suffix if suffix else self.module

    @property
    def hook(self) -> str:
        """The hook that offers it."""
        return BY_NAME[self.kind].hook


def check_free(names: Names, registry: Registry) -> None:
    """Refuse what is taken: two plugins of one name and kind are an error wherever they are used.

    Raises
    ------
    ConfigError
        Where a plugin or a distribution that is installed has the name.
    """
    for other in registry.providers(names.kind):
        if other.name == names.name:
            raise _taken(f"{other.origin} offers the {names.kind} {names.name!r} already")
    if names.kind == "command" and names.name in COMMANDS:
        raise _taken(f"{names.name!r} is a command of salt itself")
    found = next(iter(importlib_metadata.distributions(name=names.distribution)), None)
    if found is not None:
        raise _taken(f"{names.distribution} {found.version} is installed already")


def _taken(reason: str) -> ConfigError:
    return ConfigError(f"{reason}; choose another name, or uninstall that one first", "NAME")

"""What a plugin offers, and a plugin that could not be used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import click

from salt_core.registry.summary import Reading, read_class, read_command, read_target


@dataclass(frozen=True)
class Provider:
    """One name of one kind, as one plugin offers it.

    Parameters
    ----------
    kind, name : str
        The kind of plugin and the name that YAML uses.
    target : type, click.Command or str
        The class or the command, or ``"module:Class"``.
    plugin : str
        Name of the entry point, or the stem of a project-local file.
    distribution, version : str
        Who installed it; the file's path and ``local`` for a project-local file.
    conflict : bool, optional
        Whether another plugin offers the same name of the same kind.
    """

    kind: str
    name: str
    target: type | click.Command | str
    plugin: str
    distribution: str
    version: str
    conflict: bool = False

    @property
    def origin(self) -> str:
        """Distribution and version, as messages write them."""
        return f"{self.distribution} {self.version}"

    @property
    def path(self) -> str:
        """The class as ``module:Class``."""
        if isinstance(self.target, str):
            return self.target
        if isinstance(self.target, click.Command):
            return f"{getattr(self.target.callback, '__module__', '?')}:{self.target.name}"
        return f"{self.target.__module__}:{self.target.__qualname__}"

    @property
    def summary(self) -> str:
        """First line of the class's docstring, read from the source where the class is not imported."""
        return self._reading.summary

    @property
    def fault(self) -> str:
        """Why the class cannot be there, as far as that shows without importing it; else empty."""
        return self._reading.fault

    @property
    def state(self) -> str:
        """``ok``, ``conflict`` or ``broken``."""
        if self.fault:
            return "broken"
        return "conflict" if self.conflict else "ok"

    @cached_property
    def _reading(self) -> Reading:
        if isinstance(self.target, click.Command):
            return read_command(self.target)
        return read_target(self.target) if isinstance(self.target, str) else read_class(self.target)


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that was left out.

    Parameters
    ----------
    plugin : str
        Name of the entry point, or the stem of a project-local file.
    distribution, version : str
        Who installed it; the file's path and ``local`` for a project-local file.
    reason : str
        One line: what went wrong, and where.
    state : str, optional
        ``broken``, or ``blocked`` where the user wants it left out.
    """

    plugin: str
    distribution: str
    version: str
    reason: str
    state: str = "broken"

    @property
    def origin(self) -> str:
        """Distribution and version, as messages write them."""
        return f"{self.distribution} {self.version}"

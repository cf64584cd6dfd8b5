"""Names to plugins: who offers what, conflicts, and classes on demand."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import click

from salt_core.commands.built_in import COMMANDS
from salt_core.errors import ConfigError, suggest
from salt_core.kinds import BY_NAME
from salt_core.registry.discovery import Findings, find_plugins
from salt_core.registry.events import Listener
from salt_core.registry.faults import reason_of
from salt_core.registry.provider import BrokenPlugin, Provider


class Registry:
    """Every plugin that can be named, from all installed distributions and project-local files.

    Parameters
    ----------
    findings : Findings
        What discovery came upon; use `discover`.
    """

    def __init__(self, findings: Findings) -> None:
        offers = Counter((provider.kind, provider.name) for provider in findings.providers)
        offers.update(("command", name) for name in COMMANDS)
        self._providers = sorted(
            (replace(p, conflict=offers[p.kind, p.name] > 1) for p in findings.providers),
            key=lambda p: (p.kind, p.name, p.distribution, p.plugin),
        )
        self._broken = sorted(findings.broken, key=lambda b: (b.plugin, b.distribution))
        self._blocked = sorted(findings.blocked, key=lambda b: (b.plugin, b.distribution))
        self._listeners = sorted(findings.listeners, key=lambda one: (one.plugin, one.distribution))
        self._local_files = list(findings.local_files)
        self._script_rivals = list(findings.script_rivals)

    @classmethod
    def discover(cls, local: Sequence[Path] = ()) -> Registry:
        """Load the plugins of all distributions, of ``SALT_PLUGINS`` and of project-local files.

        Parameters
        ----------
        local : sequence of Path, optional
            Python files that the configuration names under ``plugins``.

        Raises
        ------
        ConfigError
            Where a file of `local` cannot be read.
        """
        return cls(find_plugins(local))

    @property
    def broken(self) -> list[BrokenPlugin]:
        """The plugins that could not be loaded, by name."""
        return list(self._broken)

    @property
    def blocked(self) -> list[BrokenPlugin]:
        """The plugins that were not loaded, since the user does not want them, by name."""
        return list(self._blocked)

    @property
    def listeners(self) -> list[Listener]:
        """The hooks of plugins that are told of something, by the plugin's name."""
        return list(self._listeners)

    @property
    def local_files(self) -> list[Path]:
        """The project-local files that were loaded, in the order in which they were named."""
        return list(self._local_files)

    @property
    def script_rivals(self) -> list[str]:
        """Other distributions, with version, that install a command ``salt``."""
        return list(self._script_rivals)

    def providers(self, kind: str | None = None) -> list[Provider]:
        """List every offer, sorted by kind and name; those in conflict are all there.

        Parameters
        ----------
        kind : str, optional
            Only offers of this kind.

        Raises
        ------
        ConfigError
            For a kind that does not exist.
        """
        if kind is None:
            return list(self._providers)
        check_kind(kind)
        return [provider for provider in self._providers if provider.kind == kind]

    def names(self, kind: str) -> list[str]:
        """List the names of one kind, each once, sorted."""
        return sorted({provider.name for provider in self.providers(kind)})

    def provider(self, kind: str, name: str, where: str = "") -> Provider:
        """Find who offers a name.

        Parameters
        ----------
        kind, name : str
            The kind of plugin and the name that YAML uses.
        where : str, optional
            The YAML key path that asks, for the message.

        Raises
        ------
        ConfigError
            Where nobody offers the name, or more than one.
        """
        found = [provider for provider in self.providers(kind) if provider.name == name]
        if not found:
            raise ConfigError(self._unknown(kind, name), where)
        if len(found) > 1:
            origins = " and ".join(f"{one.origin} (plugin {one.plugin})" for one in found)
            raise ConfigError(
                f"the {kind} {name!r} is offered by {origins}: keep one of them, remove or rename the other",
                where,
            )
        return found[0]

    def resolve(self, kind: str, name: str, where: str = "") -> type:
        """Import the class behind a name.

        Parameters
        ----------
        kind, name : str
            The kind of plugin and the name that YAML uses.
        where : str, optional
            The YAML key path that asks, for the message.

        Raises
        ------
        ConfigError
            Where `provider` fails, the class cannot be imported, or it does not extend the kind's
            base class.
        """
        found = self._found(kind, name, where)
        assert isinstance(found, type)
        return found

    def command(self, name: str) -> click.Command:
        """Import the command behind a name.

        Raises
        ------
        ConfigError
            Where `provider` fails, the command cannot be imported, or it is none.
        """
        found = self._found("command", name)
        assert isinstance(found, click.Command)
        return found

    def _found(self, kind: str, name: str, where: str = "") -> object:
        provider = self.provider(kind, name, where)
        try:
            found = _import(provider.target)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an import may end in anything, SystemExit included
            raise ConfigError(f"{_said(provider)} cannot be loaded: {reason_of(error)}", where) from error
        fault = _fault_of(found, kind)
        if fault:
            raise ConfigError(f"{_said(provider)} cannot be used: {provider.path} {fault}", where)
        return found

    def _unknown(self, kind: str, name: str) -> str:
        parts = [f"there is no {kind} {name!r}: {suggest(name, self.names(kind))}"]
        elsewhere = [provider.kind for provider in self._providers if provider.name == name]
        if elsewhere:
            parts.append(f"The name belongs to another kind: {', '.join(elsewhere)}")
        if self._broken:
            list_of_broken = "; ".join(f"{b.plugin} of {b.origin}: {b.reason}" for b in self._broken)
            parts.append(f"Plugins that could not be loaded and may offer it: {list_of_broken}")
        if self._blocked:
            list_of_blocked = "; ".join(f"{b.plugin} of {b.origin}, {b.reason}" for b in self._blocked)
            parts.append(f"Plugins that are blocked and may offer it: {list_of_blocked}")
        return ". ".join(parts)


def check_kind(kind: str) -> None:
    """Raise a `ConfigError` where `kind` is not a kind of plugin."""
    if kind not in BY_NAME:
        raise ConfigError(f"there is no kind of plugin {kind!r}: {suggest(kind, BY_NAME)}")


def _said(provider: Provider) -> str:
    return f"the {provider.kind} {provider.name!r} of {provider.origin}"


def _import(target: type | click.Command | str) -> object:
    if not isinstance(target, str):
        return target
    module, _, qualname = target.partition(":")
    return reduce(getattr, qualname.split("."), importlib.import_module(module))


def _fault_of(found: object, kind: str) -> str:
    """Say what keeps `found` from being a class, or a command, of `kind`; empty where nothing does."""
    if BY_NAME[kind].made:
        fits = isinstance(found, BY_NAME[kind].base_class())
        return "" if fits else f"is no {BY_NAME[kind].base} but a {type(found).__name__}"
    if not isinstance(found, type):
        return f"is not a class but a {type(found).__name__}"
    base = _import(BY_NAME[kind].base)
    assert isinstance(base, type)
    if not issubclass(found, base):
        return f"does not extend {BY_NAME[kind].base}"
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    return f"does not define {', '.join(missing)}" if missing else ""

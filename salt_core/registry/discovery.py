"""Finding plugins: each is loaded by itself, so that one that fails takes no other with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import importlib_metadata

from salt_core.errors import ConfigError
from salt_core.registry.faults import reason_of
from salt_core.registry.hooks import offers_of
from salt_core.registry.local import VARIABLE, LocalFile, absolute, files_of_environment
from salt_core.registry.provider import BrokenPlugin, Provider

GROUP = "salt"
SCRIPT = "salt"
OWN_DISTRIBUTION = "salt-hep"

_UNKNOWN = ("unknown distribution", "unknown version")


@dataclass
class Findings:
    """What discovery came upon.

    Parameters
    ----------
    providers : list of Provider
        Every offer of every plugin that loaded.
    broken : list of BrokenPlugin
        The plugins that did not.
    local_files : list of Path
        The project-local files that loaded.
    script_rivals : list of str
        Other distributions, with version, that install a command ``salt``.
    """

    providers: list[Provider] = field(default_factory=list)
    broken: list[BrokenPlugin] = field(default_factory=list)
    local_files: list[Path] = field(default_factory=list)
    script_rivals: list[str] = field(default_factory=list)

    def add(self, plugin: str, distribution: str, version: str, load: Callable[[], object]) -> bool:
        """Load one plugin and note what it offers, or why it is broken; tell whether it loaded."""
        try:
            offers = offers_of(load())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an import may end in anything, SystemExit included
            self.broken.append(BrokenPlugin(plugin, distribution, version, reason_of(error)))
            return False
        self.providers += [Provider(*offer, plugin, distribution, version) for offer in offers]
        return True


def find_plugins(local: Sequence[Path]) -> Findings:
    """Load the plugins of all distributions, of ``SALT_PLUGINS`` and of `local`.

    Parameters
    ----------
    local : sequence of Path
        Project-local files that the configuration names.

    Raises
    ------
    ConfigError
        Where a file of `local` cannot be read.
    """
    findings = Findings()
    _add_distributions(findings)
    _add_local(findings, _read_all(findings, local))
    return findings


def _add_distributions(findings: Findings) -> None:
    entries = importlib_metadata.entry_points()
    plugins = entries.select(group=GROUP)
    scripts = entries.select(group="console_scripts", name=SCRIPT)
    # Parsing metadata is not cheap, so once for each distribution, however many plugins it has.
    cards = {dist: _card(dist) for dist in {entry.dist for entry in (*plugins, *scripts)}}
    for entry in plugins:
        findings.add(entry.name, *cards[entry.dist], entry.load)
    owners = {cards[entry.dist] for entry in scripts}
    findings.script_rivals += sorted(
        f"{name} {version}" for name, version in owners if _normalised(name) != OWN_DISTRIBUTION
    )


def _card(dist: importlib_metadata.Distribution | None) -> tuple[str, str]:
    """Return name and version; a damaged installation must not hide the others."""
    if dist is None:
        return _UNKNOWN
    try:
        return dist.metadata["Name"], dist.metadata["Version"]
    except (OSError, KeyError):
        return _UNKNOWN


def _normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _read_all(findings: Findings, local: Sequence[Path]) -> Iterator[LocalFile]:
    for path in files_of_environment():
        try:
            yield LocalFile.read(path)
        except OSError as error:
            reason = f"named by {VARIABLE}, cannot be read: {error.strerror}"
            findings.broken.append(BrokenPlugin(path.stem, str(path), "local", reason))
    for path in absolute(local):
        try:
            yield LocalFile.read(path)
        except OSError as error:
            raise ConfigError(
                f"the plugin file {path} cannot be read: {error.strerror}", "plugins"
            ) from error


def _add_local(findings: Findings, files: Iterable[LocalFile]) -> None:
    """Load files, but only one of several with the same content, such as a run directory's copy."""
    seen: set[bytes] = set()
    for file in files:
        if file.source in seen:
            continue
        seen.add(file.source)
        if findings.add(file.path.stem, str(file.path), "local", file.load):
            findings.local_files.append(file.path)

"""Finding plugins: each is loaded by itself, so that one that fails takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import importlib_metadata

from salt_core.errors import ConfigError
from salt_core.registry import local as local_files
from salt_core.registry.api import check_api, stated_in
from salt_core.registry.blocking import FLAG, VARIABLE, blocked_names, normalised
from salt_core.registry.events import Listener
from salt_core.registry.faults import HookError, reason_of
from salt_core.registry.hooks import offers_of, tell_once
from salt_core.registry.local import LocalFile, absolute, files_of_environment
from salt_core.registry.provider import BrokenPlugin, Provider
from salt_core.registry.summary import source_of
from salt_core.registry.tracing import timed, trace

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
    blocked : list of BrokenPlugin
        Those that were not loaded, since the user does not want them.
    local_files : list of Path
        The project-local files that loaded.
    script_rivals : list of str
        Other distributions, with version, that install a command ``salt``.
    listeners : list of Listener
        Every hook of plugins that is told of something.
    """

    providers: list[Provider] = field(default_factory=list)
    broken: list[BrokenPlugin] = field(default_factory=list)
    blocked: list[BrokenPlugin] = field(default_factory=list)
    local_files: list[Path] = field(default_factory=list)
    script_rivals: list[str] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)

    def add(self, plugin: Candidate, unwanted: Collection[str] = ()) -> bool:
        """Load one plugin and note what it offers, or why it is broken; tell whether it loaded."""
        card = (plugin.name, plugin.distribution, plugin.version)
        named = {normalised(plugin.name), normalised(plugin.distribution)} & set(unwanted)
        if named:
            reason = f"left out by {FLAG} or {VARIABLE}: {min(named)}"
            self.blocked.append(BrokenPlugin(*card, reason, "blocked"))
            return False
        try:
            module, milliseconds = timed(plugin.load)
            trace(plugin.origin, f"import of {plugin.module}", milliseconds, "done")
            found = offers_of(module, plugin.origin)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an import may end in anything, SystemExit included
            self.broken.append(BrokenPlugin(*card, plugin.reason(error)))
            trace(plugin.origin, f"loading of {plugin.module}", 0.0, f"broken, {self.broken[-1].reason}")
            return False
        self.providers += [Provider(*offer, *card) for offer in found.offers]
        self.listeners += [Listener(*one, *card) for one in found.listens]
        return True


@dataclass(frozen=True)
class Candidate:
    """A plugin that is not loaded yet.

    Parameters
    ----------
    name : str
        Name of the entry point, or the stem of a project-local file.
    distribution, version : str
        Who installed it; the file's path and ``local`` for a project-local file.
    module : str
        The module's name.
    load : callable
        Imports the module.
    source : callable
        Reads its source, where that can be found.
    """

    name: str
    distribution: str
    version: str
    module: str
    load: Callable[[], object]
    source: Callable[[], bytes | None]

    @property
    def origin(self) -> str:
        """Plugin, distribution and version, as warnings and traces write them."""
        return f"{self.name} of {self.distribution} {self.version}"

    def reason(self, error: BaseException) -> str:
        """Say why it is broken: one that asks for a newer core may not even be imported by this one."""
        source = None if isinstance(error, HookError) else self.source()
        try:
            check_api(stated_in(source) if source else None)
        except HookError as outdated:
            return f"{outdated} ({reason_of(error)})"
        return reason_of(error)


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
    unwanted = blocked_names()
    _add_distributions(findings, unwanted)
    _add_local(findings, _read_all(findings, local), unwanted)
    met = {normalised(name) for one in findings.blocked for name in (one.plugin, one.distribution)}
    for name in sorted(unwanted - met):
        tell_once(f"{FLAG} or {VARIABLE} names {name!r}, and there is no such plugin or distribution")
    return findings


def _add_distributions(findings: Findings, unwanted: Collection[str]) -> None:
    entries = importlib_metadata.entry_points()
    plugins = entries.select(group=GROUP)
    scripts = entries.select(group="console_scripts", name=SCRIPT)
    # Parsing metadata is not cheap, so once for each distribution, however many plugins it has.
    cards = {dist: _card(dist) for dist in {entry.dist for entry in (*plugins, *scripts)}}
    for entry in plugins:
        module = entry.value.partition(":")[0].strip()  # `entry.module` raises where it is no module's name
        candidate = Candidate(entry.name, *cards[entry.dist], module, entry.load, partial(source_of, module))
        findings.add(candidate, unwanted)
    owners = {cards[entry.dist] for entry in scripts}
    findings.script_rivals = sorted(
        f"{name} {version}" for name, version in owners if normalised(name) != OWN_DISTRIBUTION
    )


def _card(dist: importlib_metadata.Distribution | None) -> tuple[str, str]:
    """Return name and version; a damaged installation must not hide the others.

    ``dist.metadata`` would have the parser of e-mails imported, which takes longer than all the rest.
    """
    if dist is None:
        return _UNKNOWN
    try:
        text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or ""
    except (OSError, ValueError):
        return _UNKNOWN
    head = text.partition("\n\n")[0].splitlines()
    told = dict(line.split(": ", 1) for line in head if line.startswith(("Name: ", "Version: ")))
    return (told["Name"].strip(), told["Version"].strip()) if len(told) == 2 else _UNKNOWN


def _read_all(findings: Findings, local: Sequence[Path]) -> Iterator[LocalFile]:
    for path in files_of_environment():
        try:
            yield LocalFile.read(path)
        except OSError as error:
            reason = f"named by {local_files.VARIABLE}, cannot be read: {error.strerror}"
            findings.broken.append(BrokenPlugin(path.stem, str(path), "local", reason))
    for path in absolute(local):
        try:
            yield LocalFile.read(path)
        except OSError as error:
            raise ConfigError(
                f"the plugin file {path} cannot be read: {error.strerror}", "plugins"
            ) from error


def _add_local(findings: Findings, files: Iterable[LocalFile], unwanted: Collection[str]) -> None:
    """Load files, but only one of several with the same content, such as a run directory's copy."""
    seen: set[bytes] = set()
    for file in files:
        if file.source in seen:
            continue
        seen.add(file.source)
        candidate = Candidate(
            file.path.stem, str(file.path), "local", file.path.name, file.load, partial(_content, file)
        )
        if findings.add(candidate, unwanted):
            findings.local_files.append(file.path)


def _content(file: LocalFile) -> bytes:
    return file.source

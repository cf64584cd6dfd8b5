"""The look at a package from inside: a process of its own that imports it, so that nothing of it stays.

``python -m salt_core.authoring.checking.inside REQUEST.json`` writes JSON lines on standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from salt_core.authoring.checking.findings import Finding, place
from salt_core.authoring.checking.hooks import look_at_hooks
from salt_core.authoring.checking.parts import (
    EXAMPLE,
    Part,
    check_contract,
    lacking,
    make,
    options_for,
    staging_target,
)
from salt_core.authoring.checking.request import Request
from salt_core.authoring.checking.schema import look_at_class, place_of
from salt_core.authoring.checking.trial import Trial
from salt_core.authoring.checking.trials import trial_of
from salt_core.commands.built_in import COMMANDS
from salt_core.errors import ConfigError, SaltError
from salt_core.interfaces.staging import Staging
from salt_core.registry import Provider, Registry
from salt_core.registry.api import check_api, stated_in
from salt_core.registry.discovery import Findings
from salt_core.registry.faults import HookError, reason_of
from salt_core.registry.hooks import Offer
from salt_core.registry.local import LocalFile
from salt_core.registry.summary import source_of
from salt_core.testing import Breach, check_command

Tell = Callable[[Mapping[str, Any]], None]

#: Where this code lies, which calls plugins.
HERE = Path(__file__).parent


class Look:
    """One look at a package, which tells what it finds as it goes.

    Parameters
    ----------
    request : Request
        What to look at.
    tell : callable
        Takes each answer, a mapping that JSON can hold, such as ``{"note": "..."}``.
    """

    def __init__(self, request: Request, tell: Tell) -> None:
        self.request = request
        self._tell = tell
        self.used: set[str] = set()

    def all(self) -> None:
        """Look at every module, every offer and every class."""
        offers = [
            Provider(kind, offered, target, name, self.request.distribution, self.request.version)
            for name, value in self.request.entries.items()
            for kind, offered, target in self._offers(name, value)
        ]
        distinct = {(one.kind, one.name): one for one in offers}
        self._find_taken(offers)
        registry = self._registry(distinct)
        for provider in distinct.values():
            self._look_at_offer(provider, registry)

    def _offers(self, name: str, value: str) -> list[Offer]:
        """Import one module and call its hooks."""
        self._tell({"progress": f"hooks of {value}"})
        path = Path(self.request.file) if self.request.file else None
        try:
            plugin = LocalFile.read(path).load() if path else _imported(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an import may end in anything, SystemExit included
            source = path.read_bytes() if path else source_of(value.partition(":")[0])
            self._find(self.request.where, f"entry point {name}", _import_fault(error, source))
            return []
        where = place(getattr(plugin, "__file__", None) or self.request.where)
        findings, offers = look_at_hooks(plugin, where, f"{name} of {self.request.distribution}")
        for finding in findings:
            self._find(finding.where, finding.part, finding.message)
        return offers

    def _find_taken(self, offers: Sequence[Provider]) -> None:
        """Tell of names that the package offers twice, or salt itself has."""
        for kind, name in sorted({(one.kind, one.name) for one in offers}):
            offering = [one.plugin for one in offers if (one.kind, one.name) == (kind, name)]
            if len(offering) > 1:
                told = f"is offered twice, by {' and '.join(offering)}; rename one of them"
                self._find_name(kind, name, told)
            if kind == "command" and name in COMMANDS:
                self._find_name(kind, name, "salt itself has a command of this name; rename it")

    def _registry(self, ours: Mapping[tuple[str, str], Provider]) -> Registry:
        """Return all plugins that are installed; of those that others offer too, which are told, ours."""
        kept = []
        for one in Registry.discover().providers():
            if one.distribution == self.request.distribution:
                continue
            if (one.kind, one.name) in ours:
                told = f"is also offered by {one.origin} (plugin {one.plugin}), so that neither can be used"
                self._find_name(one.kind, one.name, f"{told}; rename yours, or remove the other")
            else:
                kept.append(one)
        return Registry(Findings([*kept, *ours.values()]))

    def _find_name(self, kind: str, name: str, message: str) -> None:
        self._find(self.request.where, f"{kind} {name}", message)

    def _look_at_offer(self, provider: Provider, registry: Registry) -> None:
        """Look at one name: its class, its contract, and how a training can have it."""
        kind, name = provider.kind, provider.name
        self._tell({"progress": f"{kind} {name}: class"})
        try:
            found = registry.command(name) if kind == "command" else registry.resolve(kind, name)
        except ConfigError as error:
            self._find_name(kind, name, f"{error.message}; mend the class, or the hook's target")
            return
        if not isinstance(found, type):
            self._look_at_command(name, found)
            return
        for finding in look_at_class(found):
            self._find(finding.where, finding.part, finding.message)
        if kind == "batch" and isinstance(provider.target, str):
            module = provider.target.partition(":")[0]
            self._tell({"module": {"name": module, "where": place_of(found), "part": f"batch {name}"}})
        self._look_at_part(kind, name, found, registry)

    def _look_at_command(self, name: str, command: click.Command) -> None:
        where, title = place_of(command.callback), f"command {name}"
        self._run(lambda: check_command(command), where, title)
        self._try(Trial(title, where, words=(name, "--help")))

    def _look_at_part(self, kind: str, name: str, cls: type, registry: Registry) -> None:
        where = place_of(cls)
        try:
            options = options_for(cls, name, self.request.options)
            self.used |= {key for key in self.request.options if key.removeprefix(f"{name}.") in options}
            missing = lacking(cls, options)
            if missing:
                words = " ".join(f"--option {name}.{option}=VALUE" for option in missing)
                note = f"{kind} {name}, which needs options: {words}, or a class attribute `{EXAMPLE}`"
                self._tell({"note": note})
                return
            self._tell({"progress": f"{kind} {name}: contract"})
            part = make(kind, name, options, registry)
        except SaltError as error:
            self._find(where, cls.__name__, str(error))
            return
        target = self._target(part.made) if kind == "staging" else None
        with TemporaryDirectory() as folder:
            self._run(lambda: self._check(part, Path(folder), target), where, cls.__name__)
        self._run(lambda: self._plan(part, target), where, cls.__name__)

    def _target(self, staging: Staging) -> Path:
        fast = [Path(self.request.folder) / "fast"]
        return staging_target(staging, fast + ([Path(self.request.memory)] if self.request.memory else []))

    def _check(self, part: Part, folder: Path, target: Path | None) -> None:
        note = check_contract(part, folder, target)
        if note:
            self._tell({"note": f"{part.title}: {note}"})

    def _plan(self, part: Part, target: Path | None) -> None:
        trial = trial_of(part, target)
        if trial:
            self._try(trial)
        else:
            note = f"{part.title} in a training: no task that comes with salt has such targets"
            self._tell({"note": note})

    def _try(self, trial: Trial) -> None:
        self._tell({"trial": asdict(trial)})

    def _run(self, check: Callable[[], object], where: str, part: str) -> None:
        """Run a check, and tell each clause that is broken."""
        try:
            check()
        except Breach as breach:
            for clause in breach.clauses:
                self._find(where, part, clause)
        except SaltError as error:
            self._find(where, part, str(error))
        except Exception as error:  # plugins raise what they like
            self._find(where, part, reason_of(error, (HERE,)))

    def _find(self, where: str, part: str, message: str) -> None:
        self._tell({"finding": asdict(Finding(where, part, message))})


def _imported(value: str) -> object:
    module, _, attribute = value.partition(":")
    return reduce(getattr, filter(None, attribute.split(".")), importlib.import_module(module))


def _import_fault(error: BaseException, source: bytes | None) -> str:
    try:
        check_api(stated_in(source) if source else None)
    except HookError as outdated:
        return str(outdated)
    return f"its module does not import: {reason_of(error, (HERE,))}"


def main(path: str) -> None:
    """Answer a request; what plugins print goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(answer: Mapping[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")

    request = Request.read(Path(path))
    look = Look(request, tell)
    look.all()
    tell({"unused": sorted(set(request.options) - look.used), "done": True})


if __name__ == "__main__":
    main(sys.argv[1])

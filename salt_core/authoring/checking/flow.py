"""The whole look at plugins: metadata, imports, hooks and classes, contracts, trainings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from salt_core.authoring.checking.findings import Finding, report
from salt_core.authoring.checking.processes import answers, heavy_imports
from salt_core.authoring.checking.project import project_subject, stand_in
from salt_core.authoring.checking.request import Request
from salt_core.authoring.checking.subject import Subject, file_subject, installed_subjects, named_subject
from salt_core.authoring.checking.trainings import Training
from salt_core.authoring.checking.trial import Trial
from salt_core.config.yaml import load_value
from salt_core.errors import ConfigError

#: The file system in memory, where there is one.
MEMORY = "/dev/shm"  # noqa: S108

Say = Callable[[str], None]

#: Exit codes: without and with mistakes.
FINE, MISTAKES = 0, 1


@dataclass(frozen=True)
class Module:
    """A module that has to be imported quickly.

    Parameters
    ----------
    name : str
        What Python calls it.
    where, part : str
        The file that names it, and what of that file.
    """

    name: str
    where: str
    part: str


@dataclass
class Found:
    """What was found of one package."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    doing: str = ""

    def take(self, answer: Mapping[str, Any], where: str, say: Say) -> None:
        """Take what the look from inside tells; `where` is told where that ends before its time."""
        match answer:
            case {"progress": doing}:
                self.doing = doing
                say(doing)
            case {"finding": finding}:
                self.findings.append(Finding(**finding))
            case {"note": note}:
                self.notes.append(note)
            case {"trial": trial}:
                self.trials.append(Trial(**trial))
            case {"module": module}:
                self.modules.append(Module(**module))
            case {"unused": unused}:
                self.unused = unused
            case {"ended": code, "said": said}:
                message = f"ends the process that imports it, with {code}: {said}"
                self.findings.append(Finding(where, self.doing, message))


def check_plugins(name: str | None, options: Sequence[str], quick: bool, say: Say, progress: Say) -> int:
    """Look at a package, a file, or every package that is installed, and say what is wrong.

    Parameters
    ----------
    name : str or None
        A distribution, an entry point, a folder or a file; None for every distribution of others.
    options : sequence of str
        Options to try parts with, each ``KEY=VALUE``.
    quick : bool
        Whether to leave trainings out.
    say, progress : callable
        Take lines of the result, and of what is being done.

    Returns
    -------
    int
        The exit code: 0, or 1 where there are mistakes.

    Raises
    ------
    ConfigError
        For a wrong argument.
    """
    given = _options(options)
    subjects = installed_subjects() if name is None else [_subject(name)]
    if not subjects:
        say("no plugins of others are installed; name a folder or a file")
        return FINE
    found = [_look(subject, given, quick, progress) for subject in subjects]
    unused = set(given).intersection(*(one.unused for one in found))
    if unused and not any(one.findings for one in found):
        raise ConfigError(f"no plugin has such an option: {', '.join(sorted(unused))}", "--option")
    for subject, one in zip(subjects, found, strict=True):
        say(report(subject.title, one.findings, one.notes))
    return MISTAKES if any(one.findings for one in found) else FINE


def _options(words: Sequence[str]) -> dict[str, Any]:
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"{word!r} is no option; write NAME.OPTION=VALUE or OPTION=VALUE", "--option")
        found[key] = load_value(value, f"--option {key}")
    return found


def _subject(name: str) -> Subject:
    path = Path(name).expanduser().absolute()
    if path.is_dir():
        return project_subject(path)
    if path.is_file() and path.suffix == ".py":
        return file_subject(path)
    if path.suffix == ".py" or "/" in name:
        raise ConfigError("there is no such folder of a package, and no such .py file", name)
    return named_subject(name)


def _look(subject: Subject, options: Mapping[str, Any], quick: bool, progress: Say) -> Found:
    found = Found(list(subject.findings))

    def say(line: str) -> None:
        progress(f"{subject.title}: {line}")

    with TemporaryDirectory() as name, _in_memory() as memory:
        folder = Path(name)
        more = [stand_in(subject, folder / "site")] if subject.roots else []
        environment = subject.environment(more)
        for answer in answers(_request(subject, options, folder, memory), folder, environment):
            found.take(answer, subject.where, say)
        for module in [*_modules(subject), *found.modules]:
            say(f"imports of {module.name}")
            found.findings += _heavy(module, heavy_imports(module.name, environment, folder))
        for number, trial in enumerate([] if quick else found.trials):
            training = Training(trial, environment, folder / f"trial_{number}", subject.file)
            found.findings += training.findings(say)
    return found


def _in_memory() -> AbstractContextManager[str | None]:
    """Return a folder in memory, for the time of the context; None on machines without a place for it."""
    return TemporaryDirectory(dir=MEMORY) if os.access(MEMORY, os.W_OK) else nullcontext()


def _request(subject: Subject, options: Mapping[str, Any], folder: Path, memory: str | None) -> Request:
    return Request(
        subject.distribution,
        subject.version,
        subject.entries,
        subject.where,
        str(folder),
        memory,
        str(subject.file) if subject.file else None,
        options,
    )


def _modules(subject: Subject) -> list[Module]:
    """Return the modules that every listing imports; a file may import what it likes."""
    if subject.file:
        return []
    return [
        Module(value.partition(":")[0], subject.where, f"entry point {entry}")
        for entry, value in subject.entries.items()
    ]


def _heavy(module: Module, heavy: Sequence[str]) -> list[Finding]:
    if not heavy:
        return []
    message = (
        f"importing {module.name} imports {', '.join(heavy)}, and every `salt plugins list` and `salt submit` "
        'waits; let the hook return "module:Class" and import it there'
    )
    return [Finding(module.where, module.part, message)]

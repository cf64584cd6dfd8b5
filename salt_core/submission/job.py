"""From what ``salt submit`` is asked for to the description of a job."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from salt_core.config.layers import tree_of
from salt_core.config.paths import find_config, resolve_path
from salt_core.errors import ConfigError
from salt_core.interfaces.batch import BatchBackend, Job
from salt_core.registry.blocking import FLAG, blocked_names
from salt_core.submission.environment import Environment
from salt_core.submission.words import Words, sweep

LOGS = "logs"
UNNAMED = "salt"


@dataclass(frozen=True)
class Asked:
    """What ``salt submit`` is asked for, whatever the scheduler.

    Parameters
    ----------
    configs : sequence of str
        The configurations.
    words : Words
        Values of the configuration and options of the scheduler.
    tag : str, optional
        The job's name.
    environment : Environment
        Where its Python is.
    force : bool
        Whether it runs in spite of uncommitted changes.
    salt_log_dir : str, optional
        Ending of the run directory's name.
    requeue : bool
        Whether it is queued again until it is done.
    signal : str
        Signal that tells it to stop, and how long before its end.
    max_restarts : int
        How often it is queued again at most.
    array : sequence of str
        Values to sweep over.
    """

    configs: Sequence[str]
    words: Words
    tag: str | None = None
    environment: Environment = field(default_factory=Environment)
    force: bool = False
    salt_log_dir: str | None = None
    requeue: bool = False
    signal: str = ""
    max_restarts: int = 10
    array: Sequence[str] = ()


@dataclass(frozen=True)
class Run:
    """Where a job's training writes.

    Parameters
    ----------
    name : str
        The model's name.
    root : Path
        The folder of runs.
    suffix : str
        Ending of the run directory's name.
    """

    name: str
    root: Path
    suffix: str

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.root / f"{self.name}_{self.suffix}"


def job_of(asked: Asked, backend: BatchBackend, now: datetime) -> tuple[Job, Run]:
    """Describe a job.

    Parameters
    ----------
    asked : Asked
        What is asked for.
    backend : BatchBackend
        Who will queue it.
    now : datetime
        When.

    Raises
    ------
    ConfigError
        Where a configuration does not exist or cannot be read, or the name cannot be one.
    """
    configs = [find_config(text) for text in asked.configs]
    if not configs:
        raise ConfigError("give a configuration, such as --config configs/GN2.yaml")
    name, root = _name_and_root(configs, asked.words.fit)
    tag = asked.tag or name
    if not tag.isprintable() or not tag.strip():
        raise ConfigError(f"{tag!r} cannot name a job: it has characters that cannot be printed", "--tag")
    folder = Path.cwd() / backend.folder
    stem = _free_stem(folder, re.sub(r"[^\w+-]", "_", tag), now)
    run = Run(name, root, asked.salt_log_dir or _flag(asked.words.fit, "--log_suffix") or stem)
    job = Job(
        name=tag,
        command=asked.environment.command(_arguments(asked, configs, backend, run)),
        folder=folder,
        stem=stem,
        tasks=[(*flags, f"--log_suffix={run.suffix}_{i}") for i, flags in enumerate(sweep(asked.array))],
        requeue=asked.requeue,
        max_restarts=asked.max_restarts,
        signal=asked.signal,
        options=asked.words.scheduler,
    )
    return job, run


def _arguments(asked: Asked, configs: Sequence[Path], backend: BatchBackend, run: Run) -> list[str]:
    """Write the arguments of ``salt``: what the user says counts more than what follows from the options."""
    said = {word.partition("=")[0] for word in asked.words.fit}
    follows: Mapping[str, str] = backend.arguments()
    harmonised = [f"{flag}={value}" for flag, value in follows.items() if flag not in said]
    named = [word for path in configs for word in ("--config", str(path))]
    where = [] if "--log_suffix" in said or asked.array else [f"--log_suffix={run.suffix}"]
    flags = ["--resume"] * asked.requeue + ["--force"] * asked.force
    # A job may not see this environment: what is left out here is left out there by the command itself.
    left_out = [f"{FLAG}={name}" for name in sorted(blocked_names())]
    return ["fit", *named, *where, *harmonised, *asked.words.fit, *flags, *left_out]


def _name_and_root(configs: Sequence[Path], fit: Sequence[str]) -> tuple[str, Path]:
    """Find the model's name and the folder of runs in the configurations and flags."""
    tree = tree_of(configs)
    trainer = tree.get("trainer") or {}
    if not isinstance(trainer, Mapping):
        raise ConfigError(f"must be a mapping of options, got {trainer!r}", "trainer")
    name = _flag(fit, "--name") or _text(tree.get("name"), "name") or UNNAMED
    given = _text(trainer.get("default_root_dir"), "trainer.default_root_dir")
    root = _flag(fit, "--trainer.default_root_dir") or given or LOGS
    return name, resolve_path(root, Path.cwd())


def _text(value: object, where: str) -> str:
    """Write a value of a configuration, which nobody has checked yet, as text; empty where there is none."""
    if isinstance(value, Mapping | list):
        raise ConfigError(f"must be str, got {value!r}", where)
    return "" if value is None else str(value)


def _flag(words: Sequence[str], name: str) -> str | None:
    """Return the value of a flag of ``salt fit``, the last one given."""
    found = [value for flag, value in _flags(words) if flag == name]
    return found[-1] if found else None


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        flag, equals, value = word.partition("=")
        yield flag, value if equals else following


def _free_stem(folder: Path, name: str, now: datetime) -> str:
    """Return a beginning of file names that no other job in `folder` has."""
    base = f"{name}-{now:%Y%m%d-T%H%M%S}"
    taken = {entry.name.split(".")[0] for entry in folder.iterdir()} if folder.is_dir() else set()
    number = 1
    stem = base
    while stem in taken:
        number += 1
        stem = f"{base}-{number}"
    return stem

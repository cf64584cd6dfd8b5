"""The free words of ``salt submit``: the scheduler's own options, values of the configuration, and sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from salt_core.errors import ConfigError

CONFIG = "config"
FLAGS_FROM_HERE = "--"


@dataclass(frozen=True)
class Words:
    """What the free words say.

    Parameters
    ----------
    scheduler : dict of str to str or None
        The scheduler's own options; the last of several values counts.
    fit : tuple of str
        Flags of ``salt fit``.
    """

    scheduler: dict[str, str | None]
    fit: tuple[str, ...]


def read_words(words: Sequence[str], prefix: str) -> Words:
    """Sort free words.

    Parameters
    ----------
    words : sequence of str
        Such as ``slurm.dependency=afterok:1``, ``--config.trainer.max_epochs=1``; what follows ``--`` are
        flags of ``salt fit`` as they are.
    prefix : str
        How the scheduler's own options begin.

    Raises
    ------
    ConfigError
        For any other word.
    """
    before = list(itertools.takewhile(lambda word: word != FLAGS_FROM_HERE, words))
    scheduler: dict[str, str | None] = {}
    fit: dict[str, str] = {}
    for word in before:
        section, name, value = _parts(word)
        if section == prefix and prefix:
            scheduler[name] = value
        elif section == CONFIG and value is not None:
            fit[f"--{name}"] = value
        else:
            known = " or ".join(f"{p}.NAME=VALUE" for p in (prefix, CONFIG) if p)
            raise ConfigError(
                f"{word!r} is not expected here; write {known}, or flags of 'salt fit' after a {FLAGS_FROM_HERE}"
            )
    rest = words[len(before) + 1 :]
    return Words(scheduler, (*(f"{flag}={value}" for flag, value in fit.items()), *rest))


def sweep(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """Make the tasks of an array of jobs: every combination of the values.

    Parameters
    ----------
    texts : iterable of str
        Such as ``config.model.encoder.num_layers=2,4,6``; a value may hold commas in brackets.

    Returns
    -------
    list of tuple of str
        Flags of ``salt fit``, for each task.
    """
    axes = []
    for text in texts:
        section, name, value = _parts(text)
        if section != CONFIG or not value:
            raise ConfigError(f"{text!r} names no values; write config.KEY.PATH=A,B,C", "--array")
        axes.append([f"--{name}={part}" for part in _split(value)])
    return list(itertools.product(*axes)) if axes else []


def _parts(word: str) -> tuple[str, str, str | None]:
    """Split ``--section.name=value`` at the first point and the first equals sign."""
    name, equals, value = word.removeprefix("--").partition("=")
    section, _, rest = name.partition(".")
    return (section if rest else ""), rest, value if equals else None


def _split(text: str) -> list[str]:
    """Split at the commas that no bracket encloses."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts

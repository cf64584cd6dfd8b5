"""What was found, as lines that an author can act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """A mistake.

    Parameters
    ----------
    where : str
        The file, with its line where there is one.
    part : str
        What of it: a class, one of its parameters, a hook; empty for the whole file.
    message : str
        What is wrong, and what to do.
    """

    where: str
    part: str
    message: str

    def __str__(self) -> str:
        return ": ".join(text for text in (self.where, self.part, self.message) if text)


def report(title: str, findings: Sequence[Finding], notes: Sequence[str]) -> str:
    """Write what was found of one package: mistakes by number, then what was not tried."""
    distinct = list(dict.fromkeys(findings))
    number = f"{len(distinct)} mistake{'s' if len(distinct) > 1 else ''}" if distinct else "no mistake found"
    lines = [f"{title}: {number}"]
    lines += [f"{count:>3}. {_indented(finding)}" for count, finding in enumerate(distinct, 1)]
    lines += [f"  not tried: {note}" for note in dict.fromkeys(notes)]
    return "\n".join(lines)


def place(file: str | None, line: int | None = None) -> str:
    """Write a file and a line; the path from the current folder where it lies below that."""
    if not file:
        return "?"
    path = Path(file)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}:{line}" if line else str(shown)


def _indented(finding: Finding) -> str:
    return str(finding).replace("\n", "\n     ")

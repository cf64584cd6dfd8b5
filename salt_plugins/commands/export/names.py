"""What the outputs of an exported model are called, and sums of them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from salt_core import ConfigError
from salt_core.errors import suggest

NAME = r"[A-Za-z_][\w.]*"
_TERM = re.compile(
    rf"\s*(?P<sign>[+-]?)\s*(?:(?P<factor>[\d.]+(?:[eE][+-]?\d+)?)\s*\*\s*)?(?P<name>{NAME})\s*"
)


@dataclass(frozen=True)
class Output:
    """One output of the exported model: a column that a task writes, or a sum of other outputs.

    Parameters
    ----------
    name : str
        Its name in the file.
    object_name : str
        The object that it is told of: one number for the global object, one for each constituent else.
    column : str
        The task's column; empty for a sum.
    terms : mapping of str to float, optional
        Factors of a sum, by the tasks' columns of the same object.
    """

    name: str
    object_name: str
    column: str = ""
    terms: Mapping[str, float] = field(default_factory=dict)


def outputs_of(columns: Mapping[str, Sequence[str]], model: str) -> list[Output]:
    """Name the columns by object as ``<model>_<column>``; with the object in between where two have it."""
    everywhere = [column for names in columns.values() for column in names]
    return [
        Output(
            f"{model}_{column}" if everywhere.count(column) == 1 else f"{model}_{name}_{column}", name, column
        )
        for name, names in columns.items()
        for column in names
    ]


def with_sums(outputs: Sequence[Output], texts: Sequence[str]) -> list[Output]:
    """Append the sums that are asked for.

    Parameters
    ----------
    outputs : sequence of Output
        The columns of the tasks.
    texts : sequence of str
        Such as ``GN2_pbc=1*GN2_pb+0.5*GN2_pc``.

    Raises
    ------
    ConfigError
        Where a text is none such, or its terms are no outputs of one object.
    """
    return [*outputs, *(_sum_of(text, {output.name: output for output in outputs}) for text in texts)]


def renamed(outputs: Sequence[Output], texts: Sequence[str]) -> list[Output]:
    """Give outputs other names.

    Parameters
    ----------
    outputs : sequence of Output
        Tasks' columns and sums.
    texts : sequence of str
        Such as ``GN2_pb=DL_pb``.

    Raises
    ------
    ConfigError
        Where there is no such output, or two are called the same in the end.
    """
    others: dict[str, str] = {}
    for text in texts:
        old, _, new = (part.strip() for part in text.partition("="))
        if not old or not re.fullmatch(NAME, new):
            raise ConfigError(f"{text!r} is not OLD=NEW, such as GN2_pb=GN2v01_pb", "--rename")
        known = [output.name for output in outputs]
        if old not in known:
            raise ConfigError(f"there is no output {old!r}; {suggest(old, known)}", "--rename")
        if old in others:
            raise ConfigError(f"{old!r} is to be called {others[old]!r} and {new!r}", "--rename")
        others[old] = new
    names = [others.get(output.name, output.name) for output in outputs]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two outputs would be called {name!r}", "--rename" if texts else "--combine")
    return [
        Output(name, output.object_name, output.column, output.terms)
        for name, output in zip(names, outputs, strict=True)
    ]


def check_names(outputs: Sequence[Output], taken: Collection[str]) -> None:
    """Raise a `ConfigError` where an output is called as something else in the graph."""
    for output in outputs:
        if output.name in taken:
            raise ConfigError(
                f"{output.name!r} is the name of an input or of something inside the graph; choose another",
                "--rename" if output.column else "--combine",
            )


def _sum_of(text: str, known: Mapping[str, Output]) -> Output:
    name, _, expression = (part.strip() for part in text.partition("="))
    terms = _terms(expression)
    if not re.fullmatch(NAME, name) or not terms:
        raise ConfigError(
            f"{text!r} is not NAME=FACTOR*OUTPUT+..., such as GN2_pbc=1*GN2_pb+0.5*GN2_pc", "--combine"
        )
    for term in terms:
        if term not in known:
            raise ConfigError(f"there is no output {term!r}; {suggest(term, known)}", "--combine")
    objects = sorted({known[term].object_name for term in terms})
    if len(objects) > 1:
        raise ConfigError(f"{text!r} adds what is told of {' and of '.join(objects)}", "--combine")
    return Output(name, objects[0], terms={known[term].column: factor for term, factor in terms.items()})


def _terms(expression: str) -> dict[str, float]:
    """Return factors by name; none where the expression is no sum."""
    terms: dict[str, float] = {}
    end = 0
    while end < len(expression):
        found = _TERM.match(expression, end)
        if found is None or (terms and not found["sign"]):
            return {}
        try:
            factor = float(found["factor"] or 1) * (-1 if found["sign"] == "-" else 1)
        except ValueError:
            return {}
        if not math.isfinite(factor):
            return {}
        terms[found["name"]] = terms.get(found["name"], 0.0) + factor
        end = found.end()
    return terms

"""Conditions on columns, such as ``pt > 20000``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from salt_core.errors import ConfigError, SaltError, raise_all

SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

_CUT = re.compile(rf"\s*(?P<column>[^\s<>=!]+)\s*(?P<sign>{'|'.join(SIGNS)})\s*(?P<value>\S+)\s*")


@dataclass(frozen=True)
class Cut:
    """A comparison of a column with a number; a value that is NaN passes ``!=`` alone.

    Parameters
    ----------
    column : str
        The column.
    sign : str
        One of `SIGNS`.
    value : int or float
        The number.
    """

    column: str
    sign: str
    value: int | float

    @classmethod
    def of(cls, text: str, where: str) -> Cut:
        """Read a cut such as ``pt > 20000``.

        Raises
        ------
        ConfigError
            Where the text is none.
        """
        found = _CUT.fullmatch(text)
        value = _number(found["value"]) if found else None
        if found is None or value is None:
            message = f"{text!r} is no condition; write COLUMN SIGN NUMBER with a sign of {' '.join(SIGNS)}"
            raise ConfigError(message, where)
        return cls(found["column"], found["sign"], value)

    def __str__(self) -> str:
        return f"{self.column} {self.sign} {self.value}"

    def passes(self, columns: Any) -> Any:
        """Tell for each entry whether it passes.

        Parameters
        ----------
        columns : mapping of str to numpy.ndarray or Tensor, or structured numpy.ndarray
            The columns by name, of equal shape.

        Returns
        -------
        numpy.ndarray or Tensor
            Of bool, in the shape of the columns.
        """
        return SIGNS[self.sign](columns[self.column], self.value)


def cuts_of(texts: str | Sequence[str], where: str) -> tuple[Cut, ...]:
    """Read one cut, or several of which all have to be passed."""
    return tuple(Cut.of(text, where) for text in ([texts] if isinstance(texts, str) else texts))


def cuts_by_object(texts: Mapping[str, Sequence[str]], where: str) -> dict[str, tuple[Cut, ...]]:
    """Read the conditions on each object.

    Raises
    ------
    ConfigError
        One that tells all texts that are none.
    """
    cuts: dict[str, tuple[Cut, ...]] = {}
    faults: list[SaltError] = []
    for name, conditions in texts.items():
        try:
            cuts[name] = cuts_of(conditions, f"{where}.{name}")
        except SaltError as fault:
            faults.append(fault)
    raise_all(faults)
    return cuts


def all_passed(cuts: Iterable[Cut], columns: Any) -> Any:
    """Tell for each entry whether it passes all of one or more cuts; see `Cut.passes`."""
    return reduce(operator.and_, (cut.passes(columns) for cut in cuts))


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return None if math.isnan(value) else value
    return None

"""Labels that are made of other columns: classes defined by cuts, and values taken from one column or another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from salt_core.data.cuts import Cut, all_passed, cuts_of
from salt_core.errors import ConfigError, DataError

#: What stands for an entry without a class.
NO_CLASS = -1

Raw = Mapping[str, Tensor]


@dataclass(frozen=True)
class Classes:
    """A class label that follows from other columns.

    Parameters
    ----------
    classes : dict of str to str or list of str
        The classes in the order of their indices, each with the condition that its entries fulfil, such
        as ``HadronConeExclTruthLabelID == 5``, or several of them. The first class that fits is taken.
    require_labels : bool, optional
        Whether an entry that fits no class is an error; it takes no part in the loss otherwise.
    """

    classes: dict[str, str | list[str]]
    require_labels: bool = False


@dataclass(frozen=True)
class Case:
    """A column whose value is taken where a condition holds.

    Parameters
    ----------
    source : str
        The column.
    where : str or list of str, optional
        The condition, such as ``pt > 20000``, or several of them; it holds everywhere where not given.
    """

    source: str
    where: str | list[str] | None = None


class Rule(Protocol):
    """Makes a column of others."""

    #: Names of the classes where the column is a class label.
    names: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """What it is made of."""
        ...

    def values(self, raw: Raw, required: bool) -> Tensor:
        """Make the column of `raw` ones; `required` tells whether each entry has to have a value.

        Raises
        ------
        DataError
            Where one has none that has to.
        """
        ...


class ClassRule:
    """Makes a class label as `Classes` say.

    Parameters
    ----------
    options : Classes
        The classes and their conditions.
    where : str
        The YAML key path, for messages.
    """

    def __init__(self, options: Classes, where: str) -> None:
        if not options.classes:
            raise ConfigError("no class is left; give NAME: CONDITION", f"{where}.classes")
        self.names = tuple(options.classes)
        self.required = options.require_labels
        self._cuts = [_some(texts, f"{where}.classes.{name}") for name, texts in options.classes.items()]
        self._where = where

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all conditions."""
        return tuple(dict.fromkeys(cut.column for cuts in self._cuts for cut in cuts))

    def values(self, raw: Raw, required: bool) -> Tensor:
        """Return the index of each entry's class, `NO_CLASS` where none fits."""
        fits = torch.stack([all_passed(cuts, raw) for cuts in self._cuts])
        some = fits.any(0)
        if required and self.required and not bool(some.all()):
            raise DataError(self._complaint(~some, raw), self._where)
        return torch.where(some, fits.int().argmax(0), NO_CLASS)

    def _complaint(self, bad: Tensor, raw: Raw) -> str:
        first = int(bad.nonzero()[0, 0])
        found = ", ".join(f"{name} = {raw[name][first].item():g}" for name in self.columns)
        return f"{int(bad.sum())} entries of a batch fit no class ({', '.join(self.names)}), the first with {found}"


class CaseRule:
    """Takes the value of the first case that holds.

    Where none does, integers are `NO_CLASS` and other numbers NaN.

    Parameters
    ----------
    cases : sequence of Case
        The cases, in their order.
    where : str
        The YAML key path, for messages.
    """

    names: tuple[str, ...] = ()

    def __init__(self, cases: list[Case], where: str) -> None:
        if not cases:
            raise ConfigError("no case is left; give a list of {source: COLUMN, where: CONDITION}", where)
        self._cases = [
            (case.source, () if case.where is None else _some(case.where, f"{where}[{number}].where"))
            for number, case in enumerate(cases)
        ]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all sources and conditions."""
        named = [column for source, cuts in self._cases for column in (source, *(c.column for c in cuts))]
        return tuple(dict.fromkeys(named))

    def values(self, raw: Raw, required: bool) -> Tensor:
        """Return the value of each entry."""
        del required
        sources = [raw[source] for source, _ in self._cases]
        whole = not any(values.is_floating_point() for values in sources)
        kind = torch.int64 if whole else torch.float32
        made = torch.full_like(sources[0], NO_CLASS if whole else torch.nan, dtype=kind)
        for source, cuts in reversed(self._cases):
            values = raw[source].to(kind)
            made = torch.where(all_passed(cuts, raw), values, made) if cuts else values
        return made


def _some(texts: str | list[str], where: str) -> tuple[Cut, ...]:
    cuts = cuts_of(texts, where)
    if not cuts:
        raise ConfigError("no condition is left; write COLUMN SIGN NUMBER", where)
    return cuts

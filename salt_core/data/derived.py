"""Columns that batches have and files do not: what they are made of, and how they get into a batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from salt_core.data.around import LoaderAround
from salt_core.data.batch import JetBatch
from salt_core.data.parameters import Parameter
from salt_core.data.request import Sample
from salt_core.data.rules import Case, CaseRule, Classes, ClassRule, Rule
from salt_core.errors import ConfigError, SaltError, raise_all
from salt_core.interfaces.dataloader import JetLoader

#: Names of columns by object.
Columns = Mapping[str, Sequence[str]]

#: Names of a label's classes, by object and label.
ClassNames = Mapping[str, Mapping[str, tuple[str, ...]]]


def joined(parts: Sequence[Columns], objects: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Put the columns of several `parts` together, each once, of those `objects` that there are."""
    names = dict.fromkeys(name for part in parts for name in part if name in objects)
    return {
        name: tuple(dict.fromkeys(column for part in parts for column in part.get(name, ())))
        for name in names
    }


class Derived:
    """Labels that follow from other columns, and the parameters that a model is conditioned on.

    Parameters
    ----------
    global_object : str
        The object with one row per jet, to which parameters belong.
    labeller : mapping of str to mapping of str to Classes
        Class labels, by object and label.
    multi_target : mapping of str to mapping of str to list of Case
        Labels whose values come from several columns, by object and label.
    parameters : mapping of str to Parameter
        Parameters by name.

    Raises
    ------
    ConfigError
        One that tells all conditions and values that cannot be used.
    """

    def __init__(
        self,
        global_object: str,
        labeller: Mapping[str, Mapping[str, Classes]],
        multi_target: Mapping[str, Mapping[str, list[Case]]],
        parameters: Mapping[str, Parameter],
    ) -> None:
        self.global_object = global_object
        self.parameters = dict(parameters)
        self.rules: dict[str, dict[str, Rule]] = {}
        self._faults: list[SaltError] = []
        for name, labels in labeller.items():
            for label, classes in labels.items():
                self._add(name, label, f"data.labeller.{name}.{label}", ClassRule, classes)
        for name, targets in multi_target.items():
            for label, cases in targets.items():
                self._add(name, label, f"data.multi_target.{name}.{label}", CaseRule, cases)
        for name, parameter in parameters.items():
            self._try(partial(parameter.check, f"data.parameters.{name}"))
        raise_all(self._faults)

    def all_class_names(self, in_file: ClassNames) -> ClassNames:
        """Return the names of classes that a file tells, and of those that are defined here, which go before."""
        own = {
            name: {label: rule.names for label, rule in rules.items() if rule.names}
            for name, rules in self.rules.items()
        }
        return {name: {**in_file.get(name, {}), **own.get(name, {})} for name in {**in_file, **own}}

    @property
    def scales(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation of each parameter."""
        return {name: parameter.scale for name, parameter in self.parameters.items()}

    def in_files(self, columns: Columns) -> dict[str, tuple[str, ...]]:
        """Return the columns of files that wanted `columns` are made of, by object."""
        return {
            name: tuple(dict.fromkeys(part for column in names for part in self._parts(name, column)))
            for name, names in columns.items()
        }

    def is_there(self, name: str, column: str, present: Sequence[str]) -> bool:
        """Tell whether a column of object `name` is, or can be made of, those `present` in a file."""
        return set(self._parts(name, column)) <= set(present)

    def complete(
        self, batch: JetBatch, wanted: Columns, sample: Sample, seed: int = 0, epoch: int = 0
    ) -> JetBatch:
        """Return a batch with the `wanted` columns, as far as what they are made of is there.

        Parameters
        ----------
        batch : JetBatch
            With the columns of the files, on the host.
        wanted : mapping of str to sequence of str
            Columns by object.
        sample : str
            Which one it belongs to; the test sample need not have labels.
        seed, epoch : int, optional
            What is drawn for a jet follows from them.

        Raises
        ------
        DataError
            Where an entry has no class that has to have one.
        """
        columns = {
            name: {
                column: values
                for column in names
                if (values := self._values(name, column, batch, sample, (seed, epoch))) is not None
            }
            for name, names in wanted.items()
        }
        if batch.rows.is_pinned():
            columns = {n: {c: v.pin_memory() for c, v in found.items()} for n, found in columns.items()}
        return replace(batch, columns=columns)

    def _values(
        self, name: str, column: str, batch: JetBatch, sample: Sample, at: tuple[int, int]
    ) -> Tensor | None:
        raw = batch.raw(name)
        if name == self.global_object and column in self.parameters:
            parameter = self.parameters[column]
            if sample == "test":
                return torch.full((batch.num_jets,), parameter.test, dtype=torch.float32)
            return parameter.filled(raw[column], batch.rows, *at) if column in raw else None
        rule = self.rules.get(name, {}).get(column)
        if rule is None:
            return raw.get(column)
        if not raw.keys() >= set(rule.columns):
            return None
        return rule.values(raw, required=sample != "test")

    def _parts(self, name: str, column: str) -> tuple[str, ...]:
        rule = self.rules.get(name, {}).get(column)
        return (column,) if rule is None else rule.columns

    def _add(self, name: str, label: str, where: str, kind: Callable[[Any, str], Rule], options: Any) -> None:
        rules = self.rules.setdefault(name, {})
        if label in rules:
            self._faults.append(ConfigError(f"data.labeller defines {label!r} of {name!r} too", where))
        self._try(lambda: rules.update({label: kind(options, where)}))

    def _try(self, make: Callable[[], object]) -> None:
        try:
            make()
        except SaltError as fault:
            self._faults.append(fault)


class CompletedLoader(LoaderAround):
    """A loader whose batches are completed as they are given.

    Parameters
    ----------
    loader : JetLoader
        Reads the columns of the files.
    complete : callable
        Makes the batch of an epoch complete.
    epoch : callable
        Tells the epoch when reading begins.
    """

    def __init__(
        self, loader: JetLoader, complete: Callable[[JetBatch, int], JetBatch], epoch: Callable[[], int]
    ) -> None:
        super().__init__(loader)
        self._complete = complete
        self._epoch = epoch

    def __iter__(self) -> Iterator[JetBatch]:
        """Yield the loader's batches, completed."""
        epoch = self._epoch()
        for batch in self.loader:
            yield self._complete(batch, epoch)

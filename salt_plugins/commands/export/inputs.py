"""What an exported model is given: for each object one table of numbers, as they are in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salt_core import ConfigError, JetBatch, Packed
from salt_core.data.one_jet import OneJet
from salt_core.training.module import SaltModule


@dataclass(frozen=True)
class Input:
    """One input of the exported model.

    Parameters
    ----------
    name : str
        Its name in the file, such as ``track_features``.
    object_name : str
        The object, such as ``tracks``.
    variables : tuple of str
        Input variables, in order; they are normalised inside.
    further : tuple of str
        Columns that follow them, which the model takes as they are.
    rows : str
        Name of the axis that counts constituents; empty for the global object, which has one row.
    """

    name: str
    object_name: str
    variables: tuple[str, ...]
    further: tuple[str, ...]
    rows: str

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns in order."""
        return (*self.variables, *self.further)


def inputs_of(module: SaltModule) -> list[Input]:
    """Say what the model has to be given, the global object first.

    Raises
    ------
    ConfigError
        Where two objects would share a name.
    """
    facts = module.facts
    names = [facts.global_object, *facts.streams]
    wanted = _raw_columns(module)
    inputs = []
    for name in names:
        variables = tuple(facts.variables.get(name, ()))
        further = tuple(column for column in wanted.get(name, ()) if column not in variables)
        rows = "" if name == facts.global_object else f"n_{name}"
        inputs.append(Input(f"{singular(name)}_features", name, variables, further, rows))
    inputs = [one for one in inputs if one.columns]
    for one in inputs:
        same = [other.object_name for other in inputs if other.name == one.name]
        if len(same) > 1:
            raise ConfigError(f"{' and '.join(same)} would both be the input {one.name!r}", "data.variables")
    return inputs


def singular(name: str) -> str:
    """Return the word for one of them.

    Examples
    --------
    >>> singular("tracks")
    'track'
    """
    return name.removesuffix("s") or name


def batch_of(inputs: Sequence[Input], tables: Sequence[Tensor], global_object: str) -> JetBatch:
    """Make the batch of one jet, not normalised.

    Parameters
    ----------
    inputs : sequence of Input
        What is given.
    tables : sequence of Tensor
        One for each, (1, F) for the global object and (N, F) for a stream.
    global_object : str
        The object with one row per jet.
    """
    like = tables[0]
    x, streams, columns = like.new_zeros((1, 0)), {}, {}
    for one, table in zip(inputs, tables, strict=True):
        features = table[:, : len(one.variables)]
        columns[one.object_name] = {name: table[:, i] for i, name in enumerate(one.columns)}
        if one.rows:
            streams[one.object_name] = Packed(features, OneJet(table.shape[0], table))
        else:
            x = features
    return JetBatch(global_object, x, streams, columns, torch.zeros(1, dtype=torch.int64))


def tables_of(inputs: Sequence[Input], batch: JetBatch) -> list[Tensor]:
    """Return for each input the rows of all jets of a batch, in its order; float32."""
    tables = []
    for one in inputs:
        features = batch.streams[one.object_name].x if one.rows else batch.x
        raw = batch.raw(one.object_name)
        further = [raw[name].to(features.dtype).unsqueeze(1) for name in one.further]
        tables.append(torch.cat([features, *further], dim=1))
    return tables


def _raw_columns(module: SaltModule) -> Mapping[str, Sequence[str]]:
    """Name the columns that the model takes as they are, by object."""
    wanted: dict[str, list[str]] = {module.facts.global_object: [*module.facts.parameters]}
    for columns in module.inputs().values():
        for name, names in columns.items():
            wanted.setdefault(name, []).extend(names)
    return {name: list(dict.fromkeys(names)) for name, names in wanted.items()}

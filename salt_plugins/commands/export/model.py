"""The model that is exported: tables of one jet in, one tensor for each output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from salt_core import ConfigError
from salt_core.errors import located, suggest
from salt_core.training.module import SaltModule
from salt_plugins.commands.export.inputs import Input, batch_of
from salt_plugins.commands.export.names import Output

#: Constituents of the jet that the model is traced with, another number for each stream.
EXAMPLE_ROWS = 5


class OneJetModel(nn.Module):
    """A trained model as a function of one jet.

    Parameters
    ----------
    module : SaltModule
        The trained model.
    inputs : sequence of Input
        What it is given.
    outputs : sequence of Output
        What it gives, in order.
    """

    def __init__(self, module: SaltModule, inputs: Sequence[Input], outputs: Sequence[Output]) -> None:
        super().__init__()
        self.module = module
        self.inputs = inputs
        self.outputs = outputs

    def forward(self, *tables: Tensor) -> tuple[Tensor, ...]:
        """Map tables (1, F) and (N, F) to outputs (1,) of the jet and (N,) of its constituents."""
        batch = batch_of(self.inputs, tables, self.module.facts.global_object)
        columns = self.module.outputs(self.module(batch), batch)
        return tuple(value_of(output, columns) for output in self.outputs)


def value_of(output: Output, columns: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
    """Take an output from what the tasks write, by object and column."""
    found = columns[output.object_name]
    if output.column:
        # One that is a column of another tensor would lose its name in the graph.
        return found[output.column].clone()
    return torch.stack([factor * found[column] for column, factor in output.terms.items()]).sum(0)


def example(inputs: Sequence[Input]) -> tuple[Tensor, ...]:
    """Make tables of one jet to trace the model with; only their shapes matter."""
    rows = [EXAMPLE_ROWS + 2 * number if one.rows else 1 for number, one in enumerate(inputs)]
    return tuple(torch.rand(n, len(one.columns)) for n, one in zip(rows, inputs, strict=True))


@torch.no_grad()
def written_columns(module: SaltModule, inputs: Sequence[Input]) -> dict[str, list[str]]:
    """Try the model on one jet whose length is told late, and return what it writes, by object.

    Raises
    ------
    ConfigError
        Where a part cannot do with such a jet, named by its key path.
    """
    facts = module.facts
    batch = module.normalise(batch_of(inputs, example(inputs), facts.global_object))
    with located("model.encoder"):
        streams = module.encoder.encode(batch)
        pooled = module.encoder.pool(streams, batch)
    predictions = {}
    for name, task in module.heads.items():
        with located(f"model.tasks.{name}"):
            predictions[name] = task(pooled, streams, batch)
            task.outputs(predictions[name], batch)
    columns = module.outputs(predictions, batch)
    known = [facts.global_object, *facts.streams]
    for name in columns.keys() - set(known):
        raise ConfigError(f"a task writes to {name!r}, which is no object; {suggest(name, known)}")
    return {name: list(columns[name]) for name in known if name in columns}

"""Jets on which an exported model is compared with its checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from salt_core import DataFacts, JetBatch, Layout, Packed, Trained
from salt_plugins.commands.export.inputs import Input

BATCH_SIZE = 100

#: Constituents of jets that go wrong most easily; each batch has some of them.
LENGTHS = (0, 1, 2, 60)

#: Constituents of the other jets, on average.
MEAN_LENGTH = 8.0


def random_jets(
    facts: DataFacts, inputs: Sequence[Input], num_jets: int, seed: int = 0
) -> Iterator[JetBatch]:
    """Make batches of jets with normal inputs, of the means and widths of the training sample.

    Parameters
    ----------
    facts : DataFacts
        Means and widths.
    inputs : sequence of Input
        What the model is given; columns that it takes as they are lie between 0.5 and 1.5.
    num_jets : int
        How many jets.
    seed : int, optional
        Which ones.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, num_jets, BATCH_SIZE):
        size = min(BATCH_SIZE, num_jets - start)
        x, streams, columns = torch.zeros(size, 0), {}, {}
        for one in inputs:
            layout = Layout.of(_lengths(rng, size)) if one.rows else Layout.of(np.ones(size))
            features = _normal(rng, layout.total, one, facts)
            columns[one.object_name] = _columns(rng, features, one, facts)
            if one.rows:
                streams[one.object_name] = Packed(features, layout)
            else:
                x = features
        yield JetBatch(facts.global_object, x, streams, columns, torch.arange(start, start + size))


def real_jets(trained: Trained, path: Path | None, num_jets: int) -> Iterator[JetBatch]:
    """Read the first jets of a file, or of the run's own test or validation sample where it is there."""
    source = path or trained.own_sample()
    if source is not None:
        yield from trained.batches(source, BATCH_SIZE, num_jets, "--jets")


def _lengths(rng: np.random.Generator, num_jets: int) -> np.ndarray:
    lengths = rng.poisson(MEAN_LENGTH, num_jets)
    lengths[: len(LENGTHS)] = rng.permutation(LENGTHS)[:num_jets]
    return lengths


def _normal(rng: np.random.Generator, rows: int, one: Input, facts: DataFacts) -> Tensor:
    means, stds = (np.array(values.get(one.object_name, ())) for values in (facts.means, facts.stds))
    values = means + stds * rng.standard_normal((rows, len(one.variables)))
    return torch.from_numpy(values.astype(np.float32))


def _columns(rng: np.random.Generator, features: Tensor, one: Input, facts: DataFacts) -> dict[str, Tensor]:
    """Return the columns that a model may take as they are: variables too, for they are in the file."""
    columns = {name: features[:, i] for i, name in enumerate(one.variables)}
    for name in one.further:
        values = rng.uniform(0.5, 1.5, len(features))
        if one.object_name == facts.global_object and name in facts.parameters:
            mean, std = facts.parameters[name]
            values = mean + std * rng.standard_normal(len(features))
        columns[name] = torch.from_numpy(values.astype(np.float32))
    return columns

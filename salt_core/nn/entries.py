"""Entries of an object, jets or constituents: their weights, their loss, and how one of them is named."""

from __future__ import annotations

import torch
from torch import Tensor

from salt_core.data.batch import JetBatch
from salt_core.distributed import mean_over_ranks
from salt_core.errors import ConfigError, DataError


def where_found(bad: Tensor, batch: JetBatch, name: str) -> str:
    """Say how many entries of object `name` are marked in `bad` (B,) or (N,), and the row of the first."""
    first = int(bad.nonzero()[0, 0])
    stream = batch.streams.get(name)
    jet = first if stream is None else int(stream.layout.jet_index[first])
    return f"{int(bad.sum())} entries in this batch, the first in row {int(batch.rows[jet])} of the file"


def check_weights(batch: JetBatch, name: str, column: str) -> None:
    """Raise a `DataError` where weights of entries are negative or not finite."""
    values = batch.raw(name)[column]
    bad = ~((values >= 0) & torch.isfinite(values))
    if bad.any():
        found = values[bad][0].item()
        raise DataError(
            f"weight {name}/{column} holds {found:g} ({where_found(bad, batch, name)}); "
            "a weight is finite and not negative"
        )


def loss_of_entries(values: Tensor, weights: Tensor | None) -> Tensor:
    """Combine what a loss gives for entries: their mean over all ranks, or the scalar that it is already.

    Parameters
    ----------
    values : Tensor
        One value per entry (M,), or a scalar.
    weights : Tensor, optional
        Weights of the entries (M,).

    Raises
    ------
    ConfigError
        Where entries are weighted that the loss has already combined.
    """
    if values.ndim:
        return mean_over_ranks(values, weights)
    if weights is not None:
        raise ConfigError("entries are weighted, so the loss must give one value per entry", "sample_weight")
    return values

"""Entries of an object, jets or constituents: their weights, their loss, and how one of them is named."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from salt_core.data.batch import JetBatch
from salt_core.distributed import mean_over_ranks
from salt_core.errors import ConfigError, DataError


@dataclass(frozen=True)
class Entries:
    """The entries that take part in a loss, found on the host.

    A device that picked them by a mask would have to tell the host how many they are, and every step would
    wait for it.

    Parameters
    ----------
    rows : Tensor, optional
        Their indices (M,), on the host; None where all entries take part.
    """

    rows: Tensor | None

    @classmethod
    def of(cls, wanted: Tensor) -> Entries:
        """Take the entries where the mask `wanted`, of any shape and on the host, is true."""
        return cls(None if wanted.all() else wanted.flatten().nonzero().squeeze(1))

    def of_values(self, values: Tensor, device: torch.device) -> Tensor:
        """Return the entries' values, of the mask's shape and on the host, on `device` as (M,)."""
        flat = values.flatten()
        flat = flat if self.rows is None else flat.index_select(0, self.rows)
        return moved(flat, device)

    def of_predictions(self, predictions: Tensor, axes: int = 1) -> Tensor:
        """Return the entries' predictions, whose first `axes` are the mask's, as (M, ...)."""
        flat = predictions.flatten(0, axes - 1)
        return flat if self.rows is None else flat.index_select(0, moved(self.rows, flat.device))


def moved(values: Tensor, device: torch.device) -> Tensor:
    """Copy values of the host to `device` without waiting for it, which takes page-locked memory."""
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)


def where_found(bad: Tensor, batch: JetBatch, name: str) -> str:
    """Say how many entries of object `name` are marked in `bad` (B,) or (N,), and the row of the first."""
    first = int(bad.nonzero()[0, 0])
    stream = batch.streams.get(name)
    jet = first if stream is None else int(stream.layout.jet_index[first])
    number, row = int(bad.sum()), f"row {int(batch.rows[jet])} of the file"
    return (
        f"1 entry in this batch, in {row}"
        if number == 1
        else f"{number} entries in this batch, the first in {row}"
    )


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

"""Conditions of a model: the values of ``data.parameters``, one per jet, and what they act on."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from salt_core.data.batch import JetBatch, Layout
from salt_core.data.facts import DataFacts
from salt_core.errors import ConfigError
from salt_core.nn.dense import Dense

Conditioning = Literal["concatenate", "featurewise"]

FILM_HIDDEN = 64


class Conditions(nn.Module):
    """The parameters' values of each jet, as ``(value - mean) / std``.

    Parameters
    ----------
    data : DataFacts
        Names, means and standard deviations of the parameters.
    """

    def __init__(self, data: DataFacts) -> None:
        super().__init__()
        self.names = tuple(data.parameters)
        scales = torch.tensor([*data.parameters.values()], dtype=torch.float32).reshape(-1, 2)
        # The checkpoint holds the facts of the data, so these are no weights of the model.
        self.register_buffer("mean", scales[:, 0].clone(), persistent=False)
        self.register_buffer("std", scales[:, 1].clone(), persistent=False)

    @property
    def size(self) -> int:
        """Number of parameters P."""
        return len(self.names)

    def forward(self, batch: JetBatch) -> Tensor:
        """Return the normalised values (B, P); P is 0 where the data has no parameters."""
        if not self.names:
            return batch.x.new_zeros((batch.num_jets, 0))
        raw = batch.raw(batch.global_object)
        values = torch.stack([raw[name].to(self.get_buffer("mean").dtype) for name in self.names], dim=1)
        return (values - self.get_buffer("mean")) / self.get_buffer("std")


class Film(nn.Module):
    """Scale and shift of each row, as functions of its jet's conditions (FiLM, arXiv:1709.07871).

    It starts as the identity.

    Parameters
    ----------
    num_conditions : int
        Conditions P of a jet.
    size : int
        Columns D of the rows.

    Raises
    ------
    ConfigError
        Where there is no condition.
    """

    def __init__(self, num_conditions: int, size: int) -> None:
        super().__init__()
        if num_conditions == 0:
            raise ConfigError(
                "featurewise needs the parameters to condition on, and data.parameters names none",
                "conditioning",
            )
        self.net = Dense(num_conditions, 2 * size, [FILM_HIDDEN])
        last = self.net.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, conditions: Tensor, layout: Layout) -> Tensor:
        """Map rows (N, D), each with the conditions (B, P) of its jet, to (N, D)."""
        scale, shift = layout.spread(self.net(conditions)).chunk(2, dim=-1)
        return x * (1 + scale) + shift

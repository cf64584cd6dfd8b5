"""Gaussian noise on named input variables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from salt_core import Augmentation, ConfigError, DataFacts, JetBatch
from salt_core.errors import raise_all, suggest


class GaussianNoise(Augmentation):
    """Adds Gaussian noise to named input variables, independent for each jet and constituent.

    Parameters
    ----------
    std : dict of str to dict of str to float
        Width of the noise by object and variable, in units of the variable's standard deviation in the
        normalisation: 0.1 smears it by a tenth of its spread.
    """

    def __init__(self, std: dict[str, dict[str, float]]) -> None:
        super().__init__()
        raise_all(
            [
                ConfigError(f"{width} is no width of a noise; it must be 0 or more", f"std.{name}.{variable}")
                for name, widths in std.items()
                for variable, width in widths.items()
                if not (width >= 0 and math.isfinite(width))
            ]
        )
        self.std = std
        self.columns: dict[str, list[int]] = {}

    def build(self, data: DataFacts) -> None:
        """Find the variables, and keep the width of each."""
        raise_all([fault for name, widths in self.std.items() for fault in _unknown(name, widths, data)])
        for name, widths in self.std.items():
            self.columns[name] = [data.variables[name].index(variable) for variable in widths]
            self.register_buffer(f"{name}_std", torch.tensor(list(widths.values())), persistent=False)

    def forward(self, batch: JetBatch) -> JetBatch:
        """Return the batch with noise."""
        streams = {name: packed.with_x(self._noisy(name, packed.x)) for name, packed in batch.streams.items()}
        return replace(batch, x=self._noisy(batch.global_object, batch.x), streams=streams)

    def _noisy(self, name: str, x: Tensor) -> Tensor:
        """Return features (N, F) of an object with noise on its columns."""
        if name not in self.columns:
            return x
        columns, std = self.columns[name], self.get_buffer(f"{name}_std").to(x.dtype)
        noise = torch.zeros_like(x)
        noise[:, columns] = std * torch.randn(len(x), len(columns), dtype=x.dtype, device=x.device)
        return x + noise


def _unknown(name: str, variables: Mapping[str, float], data: DataFacts) -> list[ConfigError]:
    """Say which of the variables of an object are no input."""
    known = data.variables.get(name)
    if known is None:
        return [
            ConfigError(f"data.variables has no {name!r}; {suggest(name, data.variables)}", f"std.{name}")
        ]
    return [
        ConfigError(
            f"{variable!r} is no input variable of {name}; {suggest(variable, known)}",
            f"std.{name}.{variable}",
        )
        for variable in variables
        if variable not in known
    ]

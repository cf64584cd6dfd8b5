"""Sines and cosines of chosen variables, which let a net resolve small differences of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from salt_core.errors import ConfigError, suggest


@dataclass(frozen=True)
class PositionalEncoding:
    """Sinusoidal encoding of some variables.

    Parameters
    ----------
    variables : list of str
        Variables that are encoded; they stay inputs themselves too.
    dim : int
        Values that encode one variable: half of them sines, half cosines.
    max_frequency : float
        Highest angular frequency, in units of one over the variable's standard deviation; the lowest
        is 1, the others lie between them at equal ratios.
    """

    variables: list[str]
    dim: int = 16
    max_frequency: float = 100.0

    def check(self) -> None:
        """Refuse values that encode nothing.

        Raises
        ------
        ConfigError
            Where `dim` is odd or below 2, or `max_frequency` below 1.
        """
        if self.dim < 2 or self.dim % 2:
            raise ConfigError(f"{self.dim} does not divide into sines and cosines; give 2, 4, 6, ...", "dim")
        if not self.max_frequency >= 1:
            raise ConfigError(f"{self.max_frequency} is below the lowest frequency, 1", "max_frequency")


class PositionalEncoder(nn.Module):
    """Joins ``sin(w x)`` and ``cos(w x)`` of some columns x to the rows, for some frequencies w.

    Parameters
    ----------
    options : PositionalEncoding
        Variables and frequencies.
    columns : sequence of str
        The variables of the rows.

    Raises
    ------
    ConfigError
        Where a variable is not among the columns, or an option makes no sense.
    """

    def __init__(self, options: PositionalEncoding, columns: Sequence[str]) -> None:
        super().__init__()
        options.check()
        for name in options.variables:
            if name not in columns:
                raise ConfigError(f"{name!r} is no input variable; {suggest(name, columns)}", "variables")
        self.columns = [columns.index(name) for name in options.variables]
        self.size = len(self.columns) * options.dim
        steps = torch.linspace(0, 1, options.dim // 2)
        self.register_buffer("frequencies", options.max_frequency**steps, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised rows (N, F) to (N, F + size)."""
        phase = (x[:, self.columns, None] * self.get_buffer("frequencies")).flatten(1)
        return torch.cat([x, phase.sin(), phase.cos()], dim=1)

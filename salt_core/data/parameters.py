"""Parameters that a model is conditioned on: a jet's own value, one that is drawn for it, or a fixed one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from salt_core.errors import ConfigError


@dataclass(frozen=True)
class Parameter:
    """A parameter, such as the mass of a particle that some of the jets come from.

    Its value is that of the column of its name. Jets without one get a value in training, so that the
    model cannot tell them by it, and all jets have the same in an evaluation.

    Parameters
    ----------
    train : list of float
        The values that are drawn for jets without one, and that it is normalised with.
    test : float
        The value of all jets in ``salt test``.
    probabilities : list of float, optional
        Relative frequencies of the values of `train`; equal where not given.
    missing : float, optional
        What the column holds for jets without a value, besides NaN.
    """

    train: list[float]
    test: float
    probabilities: list[float] | None = None
    missing: float | None = None

    def check(self, where: str) -> None:
        """Raise a `ConfigError` where there is nothing to draw."""
        if not self.train or not all(map(math.isfinite, (*self.train, self.test))):
            raise ConfigError(
                f"train {self.train}, test {self.test}: give finite numbers, one or more", where
            )
        shares = self.probabilities
        if shares is None:
            return
        if len(shares) != len(self.train):
            message = f"{len(shares)} probabilities for {len(self.train)} values; give one each"
            raise ConfigError(message, f"{where}.probabilities")
        if not (all(0 <= share < math.inf for share in shares) and sum(shares) > 0):
            message = f"{shares} are no frequencies; give numbers from 0 on, not all 0"
            raise ConfigError(message, f"{where}.probabilities")

    @property
    def scale(self) -> tuple[float, float]:
        """Mean and standard deviation of the values of `train`; the latter is 1 where they are all the same."""
        shares = self._shares()
        mean = float(shares @ np.array(self.train))
        variance = float(shares @ (np.array(self.train) - mean) ** 2)
        return mean, math.sqrt(variance) if variance > 0 else 1.0

    def filled(self, values: Tensor, rows: Tensor, seed: int, epoch: int) -> Tensor:
        """Return values (B,) with one drawn for each jet without any.

        What is drawn for a jet follows from its row, seed and epoch alone, whoever reads it and when.
        """
        values = values.to(torch.float32)
        lacking = ~torch.isfinite(values)
        if self.missing is not None:
            lacking |= values == self.missing
        ends = np.cumsum(self._shares())[:-1]
        places = np.searchsorted(ends, uniform(rows.numpy(), seed, epoch), side="right")
        drawn = torch.tensor(self.train, dtype=torch.float32)[torch.from_numpy(places)]
        return torch.where(lacking, drawn, values)

    def _shares(self) -> NDArray[np.float64]:
        shares = np.array(self.probabilities or [1.0] * len(self.train))
        normalised: NDArray[np.float64] = shares / shares.sum()
        return normalised


def uniform(rows: NDArray[Any], seed: int, epoch: int) -> NDArray[np.float64]:
    """Return a number from 0 to 1 (excluded) for each of the `rows` (B,), by seed and epoch.

    The bits are those of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2714064.2660195).
    """
    start = np.random.default_rng((seed, epoch)).integers(2**63, dtype=np.uint64)
    x = start + (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits = (x ^ (x >> np.uint64(31))) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53

"""Integrated gradients of a score over the variables of jets and constituents, all jets of a batch at once.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", arXiv:1703.01365.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from salt_core import JetBatch

#: From a normalised batch to one number for each jet (B,), which no other jet has a part in.
Score = Callable[[JetBatch], Tensor]

#: Keeps logarithms finite; a single-precision probability may be 0.
TINY = 1e-30


@dataclass(frozen=True)
class Attributions:
    """What each variable gives to the score of each jet.

    Parameters
    ----------
    values : mapping of str to Tensor
        By object (B, F), summed over a jet's constituents; float64.
    gained : Tensor
        Score above that of the baseline (B,); float64.
    """

    values: Mapping[str, Tensor]
    gained: Tensor

    @property
    def missed(self) -> Tensor:
        """How far the sum of a jet's attributions is from what its score gained (B,)."""
        return sum((values.sum(-1) for values in self.values.values()), -self.gained).abs()


def inputs_of(batch: JetBatch) -> dict[str, Tensor]:
    """Return the variables by object: (B, F) of the jets, (N, F) of each stream."""
    return {batch.global_object: batch.x, **{name: packed.x for name, packed in batch.streams.items()}}


def attribute(score: Score, batch: JetBatch, baseline: Mapping[str, Tensor], steps: int) -> Attributions:
    """Integrate the gradients of a score along the straight line from the baseline to each jet.

    Columns of the file that a model takes as they are stay those of the jet all the way.

    Parameters
    ----------
    score : callable
        The score.
    batch : JetBatch
        Normalised jets.
    baseline : mapping of str to Tensor
        Where the line begins, by object (F,).
    steps : int
        Points of the Gauss-Legendre quadrature.
    """
    ends = inputs_of(batch)
    ways = {name: x - baseline[name] for name, x in ends.items()}
    sums = {name: torch.zeros_like(x, dtype=torch.float64) for name, x in ends.items()}
    places, weights = np.polynomial.legendre.leggauss(steps)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        points = {name: (baseline[name] + place * way).requires_grad_() for name, way in ways.items()}
        total = score(_with_inputs(batch, points)).sum()
        gradients = torch.autograd.grad(total, list(points.values()), allow_unused=True)
        for name, gradient in zip(points, gradients, strict=True):
            if gradient is not None:
                sums[name] += weight * gradient
    with torch.no_grad():
        start = {name: baseline[name].expand_as(x) for name, x in ends.items()}
        gained = score(batch).double() - score(_with_inputs(batch, start)).double()
    values = {name: _per_jet(name, sums[name] * way, batch) for name, way in ways.items()}
    return Attributions(values, gained)


def log_odds(columns: Mapping[str, Tensor], names: Sequence[str], wanted: str) -> Tensor:
    """Return ``log(p / (1 - p))`` of one of several probabilities (B,), from the sum of the others.

    For one logit, or for two of a softmax, it is a linear function of them.
    """
    others = torch.stack([columns[name] for name in names if name != wanted]).sum(0)
    return columns[wanted].clamp(min=TINY).log() - others.clamp(min=TINY).log()


def mean_inputs(batches: Sequence[JetBatch]) -> dict[str, Tensor]:
    """Return the mean of each variable of jets and constituents, by object (F,); 0 where there are none."""
    parts = [inputs_of(batch) for batch in batches]
    joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return {name: x.mean(0) if len(x) else x.new_zeros(x.shape[1]) for name, x in joined.items()}


def _with_inputs(batch: JetBatch, inputs: Mapping[str, Tensor]) -> JetBatch:
    streams = {name: packed.with_x(inputs[name]) for name, packed in batch.streams.items()}
    return replace(batch, x=inputs[batch.global_object], streams=streams)


def _per_jet(name: str, values: Tensor, batch: JetBatch) -> Tensor:
    """Sum constituents (N, F) over each jet (B, F)."""
    if name == batch.global_object:
        return values
    sums = values.new_zeros((batch.num_jets, values.shape[1]))
    return sums.index_add(0, batch.streams[name].layout.jet_index, values)

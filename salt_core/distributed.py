"""Sums over the ranks of a distributed training, so that a loss is normalised over all of them."""

from __future__ import annotations

import torch
from torch import Tensor, distributed


def sum_over_ranks(value: Tensor) -> Tensor:
    """Return the sum of `value` over all ranks, without gradient.

    Only training steps exchange anything: there the ranks take equal numbers of steps, which
    validation does not promise.
    """
    value = value.detach()
    if not (torch.is_grad_enabled() and distributed.is_available() and distributed.is_initialized()):
        return value
    total = value.clone()
    distributed.all_reduce(total)
    return total


def num_ranks() -> int:
    """Return how many ranks `sum_over_ranks` sums over."""
    exchanging = torch.is_grad_enabled() and distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if exchanging else 1


def ratio_over_ranks(numerator: Tensor, count: Tensor) -> Tensor:
    """Divide a sum over this rank's entries by a count over all ranks, taken as 1 where it is less.

    The mean of the results over the ranks, which is how gradients are averaged, is the ratio of the
    sums over all entries.

    Parameters
    ----------
    numerator : Tensor
        Scalar, with gradient.
    count : Tensor
        Scalar, this rank's part of the count.
    """
    return numerator * (num_ranks() / sum_over_ranks(count).clamp(min=1))


def mean_over_ranks(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean of entries' values, by the number or the sum of weights of the entries of all ranks.

    The mean of the results over the ranks is ``sum(w * value) / sum(w)`` over all entries; 0, with
    gradients, where there is no entry or no weight.

    Parameters
    ----------
    values : Tensor
        Of this rank's entries (M,), with gradient.
    weights : Tensor, optional
        Weights (M,), 0 or more.
    """
    if weights is None:
        return ratio_over_ranks(values.sum(), values.new_tensor(float(len(values))))
    weights = weights.to(values.dtype)
    total = sum_over_ranks(weights.sum())
    return (values * weights).sum() * num_ranks() / torch.where(total > 0, total, 1)

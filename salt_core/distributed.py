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

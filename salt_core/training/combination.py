"""How the losses of the tasks become the one that is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from salt_core.distributed import num_ranks, sum_over_ranks
from salt_core.errors import ConfigError, raise_all
from salt_core.interfaces.task import Task

LossMode = Literal["sum", "GLS"]

WHERE = "model.loss_mode"


def check_combination(mode: LossMode, tasks: Mapping[str, Task]) -> None:
    """Raise a `ConfigError` where the losses have no geometric mean, or have weights that it does not see."""
    if mode == "sum":
        return
    faults = [
        ConfigError(
            f"{task.weight} has no effect on the geometric mean of the losses (model.loss_mode: {mode}); "
            "leave it at 1, or choose loss_mode: sum",
            f"model.tasks.{name}.weight",
        )
        for name, task in tasks.items()
        if task.weight != 1
    ]
    if negative := [name for name, task in tasks.items() if task.can_be_negative]:
        message = f"the loss of {', '.join(negative)} can be negative: {mode} has no mean of it; choose sum"
        faults.append(ConfigError(message, WHERE))
    raise_all(faults)


def combined(mode: LossMode, losses: Mapping[str, Tensor]) -> Tensor:
    """Return the sum of the weighted losses, or their geometric mean."""
    values = torch.stack(list(losses.values()))
    return geometric_mean(values) if mode == "GLS" else values.sum()


def geometric_mean(losses: Tensor) -> Tensor:
    """Return the geometric mean of those losses that are not zero [1]_.

    A loss is zero where a batch has no label of its task. It would take the others' gradients with it to
    zero, and have an infinite one itself, so it is left out.

    Parameters
    ----------
    losses : Tensor
        One for each task (T,), not negative; means over the ranks are those of all their jets.

    Returns
    -------
    Tensor
        Scalar. Its mean over the ranks is the geometric mean of the losses of all their jets, and the mean
        of its gradients is the gradient of that.

    References
    ----------
    .. [1] S. Chennupati et al., MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy for
       Multi-Task Learning, arXiv:1904.08492.
    """
    means = sum_over_ranks(losses) / num_ranks()
    counts = means != 0  # which NaN does, so that it is seen
    means = torch.where(counts, means, torch.ones_like(means))
    number = counts.sum().clamp(min=1)
    mean = (means.log().sum() / number).exp()
    shares = torch.where(counts, mean / (number * means), torch.zeros_like(means))
    return (shares * losses).sum()

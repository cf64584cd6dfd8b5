"""One step on a few real jets, on the CPU and on a copy of the model."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from salt_core.data.batch import JetBatch
from salt_core.data.module import SaltDataModule
from salt_core.data.request import Position
from salt_core.errors import RunError, raise_all
from salt_core.training.module import SaltModule

#: Most jets of the step.
JETS = 64


def try_step(module: SaltModule, data: SaltDataModule) -> str:
    """Go forward and backward once, and leave model and random numbers as they were.

    Returns
    -------
    str
        The loss, as the summary tells it.

    Raises
    ------
    RunError
        Where a loss or a gradient is not finite.
    ConfigError
        Where the optimiser refuses its options.
    """
    number = min(JETS, data.batch_size)
    batch = next(iter(data.pieces("train", data.selection(), number, lambda: Position(0, 0))))
    trial = copy.deepcopy(module)
    trial.train()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        losses = _losses(trial, batch)
        total = trial.total(losses)
        total.backward()
        trial.make_optimizer()
    _check_gradients(trial)
    told = ", ".join(f"{name} {loss.item():.3g}" for name, loss in losses.items())
    return f"loss {total.item():.4g} on {batch.num_jets} {batch.global_object} before training: {told}"


def _losses(module: SaltModule, batch: JetBatch) -> Mapping[str, Tensor]:
    losses = module.training_losses(batch)
    raise_all(
        [
            RunError(
                f"its loss is {loss.item()} on {batch.num_jets} {batch.global_object}, before any training",
                f"model.tasks.{name}",
            )
            for name, loss in losses.items()
            if not torch.isfinite(loss)
        ]
    )
    return losses


def _check_gradients(module: SaltModule) -> None:
    bad = [
        name
        for name, parameter in module.named_parameters()
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all()
    ]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        message = f"the first step gives gradients that are not finite, of {', '.join(bad[:3])}{more}"
        raise RunError(message, "model")

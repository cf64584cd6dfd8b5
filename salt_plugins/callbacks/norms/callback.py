"""Logs norms of gradients and weights, layer by layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from salt_core import ConfigError

#: The norm of all parts together.
TOTAL = "total"


class Norms(Callback, ABC):
    """Logs the L2 norm of something in each part of the model, and of all parts together.

    It waits for the device where it logs, and costs nothing in other steps.

    Parameters
    ----------
    depth : int, optional
        How many words of a parameter's dotted name tell its part: with 1 encoder and tasks, with 2 each task,
        with 3 each layer of an encoder.
    every_n_steps : int, optional
        Steps from one value to the next; by default ``trainer.log_every_n_steps``.
    """

    #: How the names in the log begin.
    prefix: str

    def __init__(self, depth: int = 3, every_n_steps: int | None = None) -> None:
        for name, value in (("depth", depth), ("every_n_steps", every_n_steps)):
            if value is not None and value < 1:
                raise ConfigError(f"{value} must be at least 1", name)
        self.depth = depth
        self.every_n_steps = every_n_steps

    @abstractmethod
    def tensors(self, model: LightningModule) -> Mapping[str, Tensor]:
        """Return what to measure, by the parameter's name."""

    def scale(self, trainer: Trainer, optimizer: Optimizer) -> float:
        """Return what `tensors` are multiplied with at the moment."""
        del trainer, optimizer
        return 1.0

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Log what the model has before the step, and before gradients are clipped."""
        every: int = self.every_n_steps or trainer.log_every_n_steps  # type: ignore[attr-defined]
        step = trainer.global_step
        # As Lightning counts, so that the values stand beside the losses of the same batch.
        if not trainer.is_global_zero or not trainer.loggers or (step + 1) % max(every, 1):
            return
        norms = part_norms(self.tensors(pl_module), self.depth)
        scale = self.scale(trainer, optimizer)
        values = {f"{self.prefix}/{name}": norm / scale for name, norm in norms.items()}
        for logger in trainer.loggers:
            logger.log_metrics({"epoch": trainer.current_epoch, **values}, step)


class GradientNorms(Norms):
    """Logs the norm of the gradients of each part of the model as ``gradient_norm/NAME``."""

    prefix = "gradient_norm"

    def tensors(self, model: LightningModule) -> Mapping[str, Tensor]:
        """Return the gradients that there are."""
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    def scale(self, trainer: Trainer, optimizer: Optimizer) -> float:
        """Return the scale of the loss, where the optimiser itself is to divide by it."""
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        own = getattr(optimizer, "_step_supports_amp_scaling", False)
        return float(scaler.get_scale()) if scaler is not None and own else 1.0


class WeightNorms(Norms):
    """Logs the norm of the weights of each part of the model as ``weight_norm/NAME``."""

    prefix = "weight_norm"

    def tensors(self, model: LightningModule) -> Mapping[str, Tensor]:
        """Return the weights, frozen ones too."""
        return {name: parameter.detach() for name, parameter in model.named_parameters()}


def part_norms(tensors: Mapping[str, Tensor], depth: int) -> dict[str, float]:
    """Return the L2 norm of the tensors of each part, and of all.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        By dotted names.
    depth : int
        How many words of a name tell the part.
    """
    if not tensors:
        return {}
    parts: dict[str, list[int]] = {}
    for index, name in enumerate(tensors):
        parts.setdefault(".".join(name.split(".")[:depth]), []).append(index)
    squares = torch.stack(torch._foreach_norm(list(tensors.values()), dtype=torch.float32)).square()
    sums = [squares[indices].sum() for indices in parts.values()]
    values: list[float] = torch.stack([*sums, squares.sum()]).sqrt().tolist()
    return dict(zip([*parts, TOTAL], values, strict=True))

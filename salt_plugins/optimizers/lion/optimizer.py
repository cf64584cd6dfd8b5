"""Lion as torch's optimisers are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class LionOptimizer(Optimizer):
    """The optimiser that a search for programs has found [1]_.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        What is trained.
    lr : float
        Size of a step.
    betas : tuple of float
        Share of the momentum in the step, and share of it that goes on.
    weight_decay : float
        Decay of the weights, in units of the rate.

    References
    ----------
    .. [1] X. Chen et al., Symbolic Discovery of Optimization Algorithms, arXiv:2302.06675, algorithm 2.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step with the gradients that there are; return what `closure` gives."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            trained = [parameter for parameter in group["params"] if parameter.grad is not None]
            if trained:
                self._step_of(trained, group)
        return result

    def _step_of(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        moments = [self._moment(parameter) for parameter in parameters]
        in_step, kept = group["betas"]
        direction = torch._foreach_lerp(gradients, moments, in_step)
        torch._foreach_sign_(direction)
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(parameters, direction, alpha=-group["lr"])
        torch._foreach_lerp_(moments, gradients, 1 - kept)

    def _moment(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "exp_avg" not in state:
            state["exp_avg"] = torch.zeros_like(parameter)
        moment: Tensor = state["exp_avg"]
        return moment

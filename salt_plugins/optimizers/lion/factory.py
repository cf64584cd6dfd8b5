"""Lion by name."""

from __future__ import annotations

from torch import nn
from torch.optim import Optimizer

from salt_core import OptimizerFactory
from salt_plugins.optimizers.lion.optimizer import LionOptimizer
from salt_plugins.optimizers.moments import check_betas


class Lion(OptimizerFactory):
    """Steps of one size along the sign of a momentum, with decoupled weight decay: half of Adam's memory.

    Its rate is best 3 to 10 times lower than AdamW's, its weight decay higher by as much.

    Parameters
    ----------
    betas : tuple of float, optional
        Share of the momentum in the step, and share of it that goes on.
    """

    def __init__(self, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        check_betas(betas)
        self.betas = betas

    def build(self, model: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
        """Make the optimiser of all parameters of `model`."""
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return LionOptimizer(parameters, learning_rate, self.betas, weight_decay)

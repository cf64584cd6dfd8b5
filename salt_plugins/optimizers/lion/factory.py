"""Lion by name."""

from __future__ import annotations

from torch import nn
from torch.optim import Optimizer

from salt_core import ConfigError, OptimizerFactory
from salt_plugins.optimizers.lion.optimizer import LionOptimizer


class Lion(OptimizerFactory):
    """Steps of one size along the sign of a momentum, with decoupled weight decay: half of Adam's memory.

    Its rate is best 3 to 10 times lower than AdamW's, its weight decay higher by as much.

    Parameters
    ----------
    betas : tuple of float, optional
        Share of the momentum in the step, and share of it that goes on.
    """

    def __init__(self, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        if not all(0 <= beta < 1 for beta in betas):
            raise ConfigError(f"{list(betas)}: each must be at least 0, and below 1", "betas")
        self.betas = betas

    def build(self, model: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
        """Make the optimiser of all parameters of `model`."""
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return LionOptimizer(parameters, learning_rate, self.betas, weight_decay)

"""AdamW, as torch has it."""

from __future__ import annotations

from torch import nn
from torch.optim import AdamW as TorchAdamW
from torch.optim import Optimizer

from salt_core import OptimizerFactory
from salt_plugins.optimizers.moments import check_betas, check_eps


class AdamW(OptimizerFactory):
    """Adam with decoupled weight decay, in one fused pass over all parameters.

    Parameters
    ----------
    betas : tuple of float, optional
        Decay rates of the moments, from 0 to below 1.
    eps : float, optional
        Added to the denominator, above 0.
    cycle_momentum : bool, optional
        Whether the schedule ``one_cycle`` takes the first of `betas` from 0.95 to 0.85 and back instead.
    """

    def __init__(
        self,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        cycle_momentum: bool = True,
    ) -> None:
        check_betas(betas)
        check_eps(eps)
        self.betas = betas
        self.eps = eps
        self.cycles_momentum = cycle_momentum

    def build(self, model: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
        """Make the optimiser of all parameters of `model`."""
        parameters = [p for p in model.parameters() if p.requires_grad]
        return TorchAdamW(
            parameters,
            lr=learning_rate,
            betas=self.betas,
            eps=self.eps,
            weight_decay=weight_decay,
            fused=True,
        )

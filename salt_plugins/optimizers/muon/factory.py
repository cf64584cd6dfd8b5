"""Muon by name, and which parameters it takes."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim import Muon as TorchMuon

from salt_core import ConfigError, OptimizerFactory
from salt_plugins.optimizers.moments import check_betas, check_eps
from salt_plugins.optimizers.muon.optimizer import Together

NOT_HIDDEN = ("tasks.*", "*init_nets.*")


class Muon(OptimizerFactory):
    """Orthogonalised momentum for the hidden matrices, AdamW for embeddings, heads, tokens and vectors.

    Muon takes the weights of ``torch.nn.Linear`` with more than one row and column. Its steps are scaled to be
    as large as AdamW's usually are, so that rates and weight decay that are right for AdamW are right here.

    Parameters
    ----------
    lr_factor : float, optional
        Rate of the matrices, in units of the schedule's.
    momentum : float, optional
        Share of the momentum of the matrices that goes on.
    nesterov : bool, optional
        Whether the step looks ahead along the momentum.
    ns_steps : int, optional
        Newton-Schulz iterations that make the momentum orthogonal.
    betas : tuple of float, optional
        Decay rates of AdamW's moments, from 0 to below 1.
    eps : float, optional
        Added to AdamW's denominator, above 0.
    adamw_for : list of str, optional
        Names of parameters that AdamW takes, matrices or not, with wildcards; by default those of the tasks and
        of the initial nets.
    """

    def __init__(
        self,
        lr_factor: float = 1.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        adamw_for: list[str] | None = None,
    ) -> None:
        if lr_factor <= 0:
            raise ConfigError(f"{lr_factor} must be above 0", "lr_factor")
        if not 0 <= momentum < 1:
            raise ConfigError(f"{momentum} must be at least 0, and below 1", "momentum")
        if not 1 <= ns_steps < 100:
            raise ConfigError(f"{ns_steps} must be from 1 to 99", "ns_steps")
        check_betas(betas)
        check_eps(eps)
        self.lr_factor = lr_factor
        self.momentum = momentum
        self.nesterov = nesterov
        self.ns_steps = ns_steps
        self.betas = betas
        self.eps = eps
        self.adamw_for = NOT_HIDDEN if adamw_for is None else tuple(adamw_for)

    def build(self, model: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
        """Make one optimiser of all parameters of `model`."""
        matrices = hidden_matrices(model, self.adamw_for)
        taken = {id(matrix) for matrix in matrices}
        rest = [p for p in model.parameters() if p.requires_grad and id(p) not in taken]
        muon = TorchMuon(
            [{"params": matrices}],
            lr=learning_rate * self.lr_factor,
            weight_decay=weight_decay,
            momentum=self.momentum,
            nesterov=self.nesterov,
            ns_steps=self.ns_steps,
            adjust_lr_fn="match_rms_adamw",
        )
        adamw = AdamW(
            [{"params": rest}],
            lr=learning_rate,
            betas=self.betas,
            eps=self.eps,
            weight_decay=weight_decay,
            fused=True,
        )
        return Together([muon, adamw])


def hidden_matrices(model: nn.Module, others: Sequence[str]) -> list[Tensor]:
    """List the trained weights of linear maps, but for vectors and those whose names match one of `others`."""
    found = {
        f"{name}.weight": part.weight for name, part in model.named_modules() if isinstance(part, nn.Linear)
    }
    return [
        weight
        for name, weight in found.items()
        if weight.requires_grad
        and min(weight.shape) > 1
        and not any(fnmatch(name, pattern) for pattern in others)
    ]

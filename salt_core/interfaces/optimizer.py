"""The optimiser's side of the contract: choices in YAML, a torch optimiser out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn
from torch.optim import Optimizer


class OptimizerFactory(ABC):
    """Makes the optimiser of a model. The ``__init__`` of a subclass takes choices only."""

    #: Whether the schedule ``one_cycle`` takes the momentum, or the first of ``betas``, from 0.95 to 0.85 and
    #: back while the rate rises and falls, whatever it was.
    cycles_momentum = False

    @abstractmethod
    def build(self, model: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
        """Make the optimiser.

        Parameters
        ----------
        model : nn.Module
            The whole model; parameters may be grouped by name or shape.
        learning_rate : float
            The rate at the first step. The schedule changes the rate of every group of parameters, and
            keeps its ratio to this one.
        weight_decay : float
            From ``model.lrs_config``.
        """

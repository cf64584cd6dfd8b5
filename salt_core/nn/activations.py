"""Activation functions by the name that YAML uses."""

from __future__ import annotations

from typing import Literal

from torch import nn

Activation = Literal["ReLU", "GELU", "SiLU", "LeakyReLU", "ELU", "Tanh"]


def activation_of(name: Activation) -> nn.Module:
    """Return the activation `name` of ``torch.nn``."""
    module: nn.Module = getattr(nn, name)()
    return module

"""A small model with matrices, vectors, tokens and heads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn


class Model(nn.Module):
    """Something that is named like a tagger."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.init_nets = nn.ModuleDict({"tracks": nn.Linear(3, 8)})
        self.encoder.registers = nn.Parameter(torch.randn(2, 8))
        self.encoder.layers = nn.ModuleList([nn.Linear(8, 16), nn.Linear(16, 8)])
        self.encoder.gate = nn.Linear(8, 1)
        self.tasks = nn.ModuleDict({"flavour": nn.Linear(8, 2)})

    def forward(self, x: Tensor) -> Tensor:
        """Classify rows (N, 3)."""
        x = self.encoder.init_nets["tracks"](x) + self.encoder.registers.sum(0)
        for layer in self.encoder.layers:
            x = torch.tanh(layer(x))
        return self.tasks["flavour"](x * torch.sigmoid(self.encoder.gate(x)))


@pytest.fixture
def make_model() -> Callable[[], Model]:
    """Make the model, always with the same weights."""

    def make() -> Model:
        torch.manual_seed(3)
        return Model()

    return make


@pytest.fixture
def go_backward() -> Callable[[nn.Module, int], float]:
    """Give a model the gradients of a step, which follow from its number; return the loss."""

    def run(model: nn.Module, step: int) -> float:
        x = torch.randn(200, 3, generator=torch.Generator().manual_seed(step))
        target = (x[:, 0] * x[:, 1] > 0).long()
        model.zero_grad()
        loss = nn.functional.cross_entropy(model(x), target)
        loss.backward()
        return loss.item()

    return run

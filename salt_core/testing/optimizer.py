"""The contract of an optimiser."""

from __future__ import annotations

import copy
from collections import Counter

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from salt_core.interfaces.optimizer import OptimizerFactory
from salt_core.testing.contract import Contract, require
from salt_core.testing.looking import require_finite, seeded

#: The rate that models are trained with, and how often.
RATE, STEPS = 1e-2, 30


class Model(nn.Module):
    """A small model with what taggers have: matrices, vectors, and a part that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"init": nn.Linear(3, 8), "norm": nn.LayerNorm(8)})
        self.token = nn.Parameter(torch.randn(1, 8))
        self.tasks = nn.ModuleDict({"flavour": nn.Linear(8, 2)})
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        """Classify jets (B, 3)."""
        x = self.encoder["norm"](torch.tanh(self.encoder["init"](x))) + self.token
        scores: Tensor = self.tasks["flavour"](x + self.frozen(x))
        return scores


def check_optimizer(factory: OptimizerFactory) -> None:
    """Check that an optimiser keeps its contract.

    Parameters
    ----------
    factory : OptimizerFactory
        As ``__init__`` leaves it.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    contract = Contract(factory)
    model = _model()
    with contract.clause("build gives an optimiser of torch", needed=True):
        optimizer = factory.build(model, RATE, 0.01)
        require(isinstance(optimizer, Optimizer), f"it gives a {type(optimizer).__name__}")
    _check_groups(contract, factory, model, optimizer)
    with contract.clause("a weight decay of 0 is taken"):
        factory.build(_model(), RATE, 0.0)
    with contract.clause("step(closure) calls the closure, which goes backward, and returns what it gives"):
        model.zero_grad()
        loss = optimizer.step(lambda: _backward(model, 0))
        require(loss is not None, "it returns None")
        require(model.token.grad is not None, "the closure is not called")
    _check_training(contract, factory)
    with contract.clause("a state_dict that is loaded again goes on to the bit"):
        straight, resumed = _trained(factory, 2 * STEPS)[0], _trained(factory, 2 * STEPS, STEPS)[0]
        for (name, one), other in zip(straight.named_parameters(), resumed.parameters(), strict=True):
            require(torch.equal(one, other), f"{name} ends elsewhere")
    contract.conclude()


def _model() -> Model:
    with seeded():
        return Model()


def _backward(model: nn.Module, step: int) -> float:
    x = torch.randn(100, 3, generator=torch.Generator().manual_seed(step))
    with torch.enable_grad():
        loss = nn.functional.cross_entropy(model(x), (x[:, 0] > x[:, 1]).long())
        loss.backward()
    return loss.item()


def _check_groups(contract: Contract, factory: OptimizerFactory, model: Model, optimizer: Optimizer) -> None:
    names = {parameter: name for name, parameter in model.named_parameters()}
    held = Counter(parameter for group in optimizer.param_groups for parameter in group["params"])
    with contract.clause("every parameter that is trained is in one group"):
        for parameter, name in names.items():
            wanted = int(parameter.requires_grad)
            fits = held[parameter] == wanted or (wanted == 0 and held[parameter] == 1)
            require(fits, f"{name} is in {held[parameter]}")
        require(set(held) <= set(names), "it has a parameter that the model has not")
    with contract.clause("every group has a rate above 0, which the schedule changes"):
        rates = [group.get("lr") for group in optimizer.param_groups]
        require(
            all(isinstance(rate, float | Tensor) and rate > 0 for rate in rates), f"the rates are {rates}"
        )
    with contract.clause("the rates follow from learning_rate, whose ratios the schedule keeps"):
        twice = factory.build(_model(), 2 * RATE, 0.01)
        pairs = zip(optimizer.param_groups, twice.param_groups, strict=True)
        found = [(float(one["lr"]), float(other["lr"])) for one, other in pairs]
        require(all(abs(b - 2 * a) < 1e-6 * b for a, b in found), f"at a rate and at twice that: {found}")
    with contract.clause("with cycles_momentum every group has a momentum, or betas"):
        groups = optimizer.param_groups if factory.cycles_momentum else []
        bare = [number for number, group in enumerate(groups) if not {"momentum", "betas"} & set(group)]
        require(not bare, f"group {', '.join(map(str, bare))} has none")


def _trained(factory: OptimizerFactory, steps: int, stop: int = 0) -> tuple[Model, list[float]]:
    """Train a model, and go on with a new optimiser after step `stop`, if that is given."""
    model = _model()
    optimizer = factory.build(model, RATE, 0.01)
    losses = []
    for step in range(steps):
        if stop and step == stop:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = factory.build(model, RATE, 0.01)
            optimizer.load_state_dict(state)
        optimizer.zero_grad()
        losses.append(_backward(model, step))
        optimizer.step()
    return model, losses


def _check_training(contract: Contract, factory: OptimizerFactory) -> None:
    with contract.clause("a parameter without gradient is passed over, and a frozen one stays"):
        before = _model()
        model, _ = _trained(factory, 2)
        require(torch.equal(model.frozen.weight, before.frozen.weight), "a frozen parameter has moved")
    with contract.clause("a short training lowers the loss, and its parameters stay finite"):
        model, losses = _trained(factory, STEPS)
        for name, parameter in model.named_parameters():
            require_finite(parameter, name)
        start, end = sum(losses[:3]) / 3, sum(losses[-3:]) / 3
        require(end < start, f"it goes from {start:.3g} to {end:.3g} in {STEPS} steps at a rate of {RATE:g}")

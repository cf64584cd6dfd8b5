"""`check_optimizer` sees each clause that is broken."""

from __future__ import annotations

import pytest
import torch
from torch.optim import SGD, Adam

from salt_core import OptimizerFactory
from salt_core.testing import check_optimizer


class Plain(OptimizerFactory):
    """Gradient descent with momentum."""

    def build(self, model, learning_rate, weight_decay):
        return SGD(self.parameters(model), learning_rate, 0.9, weight_decay=weight_decay)

    def parameters(self, model):
        return [parameter for parameter in model.parameters() if parameter.requires_grad]


class GivesNone(Plain):
    def build(self, model, learning_rate, weight_decay):
        return None


class Forgets(Plain):
    def parameters(self, model):
        return super().parameters(model)[1:]


class NoRate(Plain):
    def build(self, model, learning_rate, weight_decay):
        return SGD(self.parameters(model), 0.0)


class OwnRate(Plain):
    def build(self, model, learning_rate, weight_decay):
        return SGD(self.parameters(model), 0.01)


class NoMomentum(Plain):
    cycles_momentum = True

    def build(self, model, learning_rate, weight_decay):
        return torch.optim.Adagrad(self.parameters(model), learning_rate)


class NeedsDecay(Plain):
    def build(self, model, learning_rate, weight_decay):
        return SGD(self.parameters(model), learning_rate / 1, 1 / weight_decay)


class NoClosure(Plain):
    def build(self, model, learning_rate, weight_decay):
        class Deaf(SGD):
            def step(self, closure=None):
                return super().step()

        return Deaf(self.parameters(model), learning_rate)


class Uphill(Plain):
    def build(self, model, learning_rate, weight_decay):
        return SGD(self.parameters(model), learning_rate, maximize=True)


class Explodes(Plain):
    def build(self, model, learning_rate, weight_decay):
        class Wild(SGD):
            def step(self, closure=None):
                for group in self.param_groups:
                    for parameter in group["params"]:
                        parameter.data.div_(0.0)
                return super().step(closure)

        return Wild(self.parameters(model), learning_rate)


class MovesFrozen(Plain):
    def build(self, model, learning_rate, weight_decay):
        class Reaching(SGD):
            def step(self, closure=None):
                model.frozen.weight.data.add_(1.0)
                return super().step(closure)

        return Reaching(self.parameters(model), learning_rate)


class LosesState(Plain):
    def build(self, model, learning_rate, weight_decay):
        class Forgetful(Adam):
            def load_state_dict(self, state):
                pass

        return Forgetful(self.parameters(model), learning_rate)


@pytest.mark.parametrize(
    ("factory", "clause", "seen"),
    [
        (GivesNone(), "build gives an optimiser of torch", "it gives a NoneType"),
        (Forgets(), "every parameter that is trained is in one group", "token is in 0"),
        (NoRate(), "every group has a rate above 0", "the rates are [0.0]"),
        (OwnRate(), "the rates follow from learning_rate", "at a rate and at twice that: [(0.01, 0.01)]"),
        (NoMomentum(), "with cycles_momentum every group has a momentum", "group 0 has none"),
        (NeedsDecay(), "a weight decay of 0 is taken", "it raised ZeroDivisionError"),
        (NoClosure(), "step(closure) calls the closure", "it returns None"),
        (Uphill(), "a short training lowers the loss", "it goes from"),
        (Explodes(), "a short training lowers the loss", "are not finite"),
        (MovesFrozen(), "a frozen one stays", "a frozen parameter has moved"),
        (LosesState(), "a state_dict that is loaded again goes on to the bit", "token ends elsewhere"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, OptimizerFactory) else "",
)
def test_a_broken_clause_is_told(factory, clause, seen, broken):
    clauses = broken(lambda: check_optimizer(factory))
    assert any(clause in told and seen in told for told in clauses), clauses


def test_a_right_one_passes():
    check_optimizer(Plain())

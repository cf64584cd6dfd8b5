"""When a training is ended for losses and gradients that are no numbers."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from salt_core.errors import RunError
from salt_core.training import watch as watching
from salt_core.training.divergence import GradientNorm, Step
from salt_core.training.watch import Watch


class OnDevice:
    """What a loss on a GPU tells without a wait."""

    is_cuda = True


@pytest.fixture
def module(monkeypatch) -> torch.nn.Linear:
    """A model at its third step, whose errors are told without what a whole training knows."""
    told = []

    def diverged(module, step, what, norm):
        told.append(norm)
        return RunError(what)

    monkeypatch.setattr(watching, "diverged", diverged)
    model = torch.nn.Linear(2, 2)
    model.told, model.global_step = told, 2
    model.trainer = SimpleNamespace(log_every_n_steps=50, precision_plugin=SimpleNamespace())
    return model


def step_of(**losses: float) -> Step:
    found = {name: torch.tensor(loss) for name, loss in losses.items()}
    return Step(None, found, torch.stack([*found.values()]).sum())


def give_gradients(module: torch.nn.Linear, weight: float, bias: float = 0.0) -> None:
    module.weight.grad = torch.full_like(module.weight, weight)
    module.bias.grad = torch.full_like(module.bias, bias)


def test_losses_that_are_numbers_are_let_through(module):
    Watch().losses(module, step_of(flavour=1.0, origin=2.0))
    assert not module.told


@pytest.mark.parametrize(
    ("losses", "named"),
    [
        ({"flavour": math.nan, "origin": 1.0}, "flavour"),
        ({"flavour": math.inf, "origin": math.nan}, "flavour and origin"),
        ({"flavour": 3e38, "origin": 3e38}, "all tasks together"),
    ],
)
def test_the_tasks_whose_loss_is_no_number_are_named(module, losses, named):
    with pytest.raises(RunError, match=f"^the loss of {named} is not finite$"):
        Watch().losses(module, step_of(**losses))


def test_where_anomalies_are_looked_for_a_loss_is_told_after_going_backward(module):
    watch = Watch()
    with torch.autograd.set_detect_anomaly(True):
        watch.losses(module, step_of(flavour=math.nan))
        with pytest.raises(RunError, match="the loss of flavour is not finite"), watch.backward(module):
            pass


@pytest.mark.filterwarnings("ignore:Error detected in")
def test_the_operation_that_gives_no_numbers_is_named(module):
    watch = Watch()
    watch.losses(module, step_of(flavour=1.0))
    value = torch.zeros(1, requires_grad=True).log() * 0
    told = pytest.raises(RunError, match="going backward: Function 'LogBackward0' returned nan values")
    with told, torch.autograd.set_detect_anomaly(True), watch.backward(module):
        value.backward()


def test_other_failures_of_going_backward_stay_what_they_are(module):
    watch = Watch()
    watch.losses(module, step_of(flavour=1.0))
    with pytest.raises(RuntimeError, match="out of memory"), watch.backward(module):
        raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("weight", "bias", "named"),
    [
        (math.nan, 0.0, "weight"),
        (math.inf, math.nan, "weight, bias"),
        (3e38, 3e38, "all parameters together"),
    ],
)
def test_the_parameters_whose_gradient_is_no_number_are_named(module, weight, bias, named):
    watch = Watch()
    watch.losses(module, step_of(flavour=1.0))
    give_gradients(module, weight, bias)
    with pytest.raises(RunError, match=f"^the gradient of {named} is not finite, though the loss is$"):
        watch.gradients(module)


def test_no_more_than_three_parameters_are_named(module):
    module.more = torch.nn.Linear(2, 2)
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, math.nan)
    watch = Watch()
    watch.losses(module, step_of(flavour=1.0))
    with pytest.raises(RunError, match=r"of weight, bias, more\.weight and 1 more is not finite"):
        watch.gradients(module)


def test_the_last_norm_that_was_a_number_is_told(module):
    watch = Watch()
    watch.losses(module, step_of(flavour=1.0))
    give_gradients(module, 3.0)
    watch.gradients(module)
    module.global_step = 3
    with pytest.raises(RunError):
        watch.losses(module, step_of(flavour=math.nan))
    assert module.told == [GradientNorm(2, torch.tensor(6.0))]


def test_a_scaler_leaves_such_steps_out_by_itself(module):
    module.trainer.precision_plugin.scaler = object()
    watch = Watch()
    watch.losses(module, step_of(flavour=1.0))
    give_gradients(module, math.nan)
    watch.gradients(module)
    assert not module.told


def test_gradients_that_no_watched_step_gave_are_not_looked_at(module):
    """Such as those of a step that was looked at already."""
    watch = Watch()
    watch.losses(module, step_of(flavour=1.0))
    give_gradients(module, 1.0)
    watch.gradients(module)
    give_gradients(module, math.nan)
    watch.gradients(module)
    assert not module.told


@pytest.mark.parametrize(("step", "looks"), [(0, True), (1, False), (49, False), (50, True)])
def test_a_device_is_waited_for_in_the_steps_that_log_alone(module, step, looks):
    module.global_step = step
    assert watching._looks_now(module, OnDevice()) is looks
    assert watching._looks_now(module, torch.tensor(1.0))

"""Muon for matrices, AdamW for the rest: who gets what, steps against plain ones, and going on from a state."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from salt_core import ConfigError
from salt_core.training.schedule import LearningRate
from salt_plugins.optimizers.muon.factory import Muon

HIDDEN = {"encoder.layers.0.weight", "encoder.layers.1.weight"}


def names_of(model, optimizer) -> list[set[str]]:
    names = {id(p): name for name, p in model.named_parameters()}
    return [{names[id(p)] for p in group["params"]} for group in optimizer.param_groups]


def test_hidden_matrices_go_to_muon_and_all_else_to_adamw(make_model):
    model = make_model()
    everything = {name for name, _ in model.named_parameters()}
    assert names_of(model, Muon().build(model, 0.1, 0.0)) == [HIDDEN, everything - HIDDEN]


def test_which_ones_can_be_chosen(make_model):
    model = make_model()
    matrices, _ = names_of(model, Muon(adamw_for=["*.layers.1.*"]).build(model, 0.1, 0.0))
    others = {"encoder.init_nets.tracks.weight", "tasks.flavour.weight"}
    assert matrices == {"encoder.layers.0.weight", *others}


def test_frozen_parameters_are_left_out(make_model, go_backward):
    model = make_model()
    model.encoder.requires_grad_(False)
    before = [p.clone() for p in model.encoder.parameters()]
    optimizer = Muon().build(model, 0.1, 0.1)
    assert names_of(model, optimizer) == [set(), {"tasks.flavour.weight", "tasks.flavour.bias"}]
    head = model.tasks["flavour"].weight.clone()
    go_backward(model, 0)
    optimizer.step()
    assert all(map(torch.equal, model.encoder.parameters(), before))
    assert not torch.equal(model.tasks["flavour"].weight, head)


def plain_muon(weight: Tensor, gradient: Tensor, moment: Tensor, nesterov: bool) -> tuple[Tensor, Tensor]:
    """Take a step of rate 0.02 with momentum 0.9 and decay 0.3; return the new weight and moment."""
    moment = 0.9 * moment + 0.1 * gradient
    update = 0.9 * moment + 0.1 * gradient if nesterov else moment
    x = update / update.norm()
    x = x.T if len(x) > len(x.T) else x
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    x = x if x.shape == weight.shape else x.T
    return weight * (1 - 0.02 * 0.3) - 0.02 * 0.2 * math.sqrt(max(weight.shape)) * x, moment


def turning(rows: int, columns: int, step: int) -> Tensor:
    """Make a gradient that turns from step to step, with directions of like strength.

    Of faint directions torch's 16 bits leave noise; of strengths alone orthogonalisation leaves nothing.
    """
    generator = torch.Generator().manual_seed(rows)
    u, s, v = torch.linalg.svd(torch.randn(rows, columns, generator=generator), full_matrices=False)
    angle = 0.7 * step
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return u @ torch.block_diag(*[turn] * (len(s) // 2)) @ torch.diag(1 + 0.05 * s) @ v


@pytest.mark.parametrize("nesterov", [True, False])
def test_the_steps_of_matrices_are_orthogonalised(make_model, nesterov):
    model = make_model()
    optimizer = Muon(lr_factor=2.0, momentum=0.9, nesterov=nesterov).build(model, 0.01, 0.3)
    weights = {name: p for name, p in model.named_parameters() if name in HIDDEN}
    moments = {name: torch.zeros_like(p) for name, p in weights.items()}
    for step in range(3):
        before = {name: p.detach().clone() for name, p in weights.items()}
        for p in weights.values():
            p.grad = turning(*p.shape, step)
        optimizer.step()
        for name, p in weights.items():
            expected, moments[name] = plain_muon(before[name], p.grad, moments[name], nesterov)
            assert (p.detach() - expected).norm() < 0.02 * (expected - before[name]).norm()


def test_the_steps_of_the_rest_are_adamw_s(make_model, go_backward):
    model, other = make_model(), make_model()
    optimizer = Muon(lr_factor=3.0, betas=(0.7, 0.9), eps=1e-6).build(model, 0.01, 0.3)
    for _ in range(3):
        for name, p in other.named_parameters():
            p.data.copy_(model.get_parameter(name))
        plain = torch.optim.AdamW(other.parameters(), lr=0.01, betas=(0.7, 0.9), eps=1e-6, weight_decay=0.3)
        states = {name: optimizer.state[p] for name, p in model.named_parameters() if name not in HIDDEN}
        for name, p in other.named_parameters():
            if states.get(name):
                plain.state[p] = {key: value.clone() for key, value in states[name].items()}
        for each in (model, other):
            go_backward(each, 1)
        optimizer.step()
        plain.step()
        for name in states:
            torch.testing.assert_close(model.get_parameter(name), other.get_parameter(name))


def test_a_saved_state_goes_on_to_the_bit(make_model, go_backward):
    whole, resumed = make_model(), make_model()
    one, two = (Muon().build(model, 0.01, 0.1) for model in (whole, resumed))
    config = LearningRate(initial=0.01, max=0.05, end=0.001, pct_start=0.3)
    schedules = [config.scheduler(optimizer, 10) for optimizer in (one, two)]
    for step in range(9):
        if step == 4:
            states = two.state_dict(), schedules[1].state_dict()
            two = Muon().build(resumed, 0.9, 0.0)
            schedules[1] = config.scheduler(two, 10)
            two.load_state_dict(states[0])
            schedules[1].load_state_dict(states[1])
        for model, optimizer, schedule in zip((whole, resumed), (one, two), schedules, strict=True):
            go_backward(model, step)
            optimizer.step()
            schedule.step()
    assert all(map(torch.equal, whole.parameters(), resumed.parameters()))
    kinds = {key for state in two.state.values() for key in state}
    assert kinds == {"momentum_buffer", "step", "exp_avg", "exp_avg_sq"}


def test_it_learns(make_model, go_backward):
    model = make_model()
    optimizer = Muon().build(model, 0.02, 1e-3)
    losses = []
    for step in range(100):
        losses.append(go_backward(model, step))
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("wrong", [{"lr_factor": 0.0}, {"momentum": 1.0}, {"ns_steps": 0}, {"ns_steps": 100}])
def test_options_out_of_range(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Muon(**wrong)

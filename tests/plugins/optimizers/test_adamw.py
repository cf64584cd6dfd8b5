"""AdamW: that its options arrive at torch's, and whom it takes."""

from __future__ import annotations

import torch

from salt_plugins.optimizers.adamw.factory import AdamW


def test_steps_are_those_of_torch_with_the_options(make_model, go_backward):
    model, other = make_model(), make_model()
    optimizer = AdamW(betas=(0.7, 0.9), eps=1e-3).build(model, 0.01, 0.3)
    plain = torch.optim.AdamW(other.parameters(), lr=0.01, betas=(0.7, 0.9), eps=1e-3, weight_decay=0.3)
    for step in range(3):
        for each, its in ((model, optimizer), (other, plain)):
            go_backward(each, step)
            its.step()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter, other.get_parameter(name))


def test_frozen_parameters_are_left_out(make_model):
    model = make_model()
    model.encoder.requires_grad_(False)
    (group,) = AdamW().build(model, 0.1, 0.1).param_groups
    assert {id(p) for p in group["params"]} == {id(p) for p in model.tasks.parameters()}


def test_the_momentum_goes_with_the_schedule_unless_that_is_not_wanted():
    assert AdamW().cycles_momentum
    assert not AdamW(cycle_momentum=False).cycles_momentum

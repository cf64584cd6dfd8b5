"""Lion against its algorithm, step by step."""

from __future__ import annotations

import torch

from salt_plugins.optimizers.lion.factory import Lion


def plain_step(weight, gradient, moment, lr, betas, decay):
    """Take a step as algorithm 2 of arXiv:2302.06675 writes it; return the new weight and moment."""
    direction = torch.sign(betas[0] * moment + (1 - betas[0]) * gradient)
    new = weight - lr * (direction + decay * weight)
    return new, betas[1] * moment + (1 - betas[1]) * gradient


def test_steps_are_those_of_the_algorithm(make_model, go_backward):
    model = make_model().double()
    model.forward = lambda x, forward=model.forward: forward(x.double())
    optimizer = Lion(betas=(0.8, 0.95)).build(model, 0.02, 0.3)
    expected = {name: (p.detach().clone(), torch.zeros_like(p)) for name, p in model.named_parameters()}
    for step in range(5):
        go_backward(model, step)
        for name, p in model.named_parameters():
            expected[name] = plain_step(expected[name][0], p.grad, expected[name][1], 0.02, (0.8, 0.95), 0.3)
        optimizer.step()
        for name, p in model.named_parameters():
            torch.testing.assert_close(p, torch.nn.Parameter(expected[name][0]), rtol=1e-9, atol=1e-12)


def test_what_has_no_gradient_stays(make_model, go_backward):
    model = make_model()
    model.encoder.gate.requires_grad_(False)
    before = model.encoder.gate.weight.clone(), model.encoder.layers[0].weight.clone()
    optimizer = Lion().build(model, 0.02, 0.3)
    go_backward(model, 0)
    model.encoder.layers[0].weight.grad = None
    optimizer.step()
    assert torch.equal(model.encoder.gate.weight, before[0])
    assert torch.equal(model.encoder.layers[0].weight, before[1])


def test_a_saved_state_goes_on_to_the_bit(make_model, go_backward):
    whole, resumed = make_model(), make_model()
    one, two = (Lion().build(model, 0.02, 0.1) for model in (whole, resumed))
    for step in range(8):
        if step == 4:
            state = two.state_dict()
            two = Lion().build(resumed, 0.5, 0.0)
            two.load_state_dict(state)
        for model, optimizer in ((whole, one), (resumed, two)):
            go_backward(model, step)
            optimizer.step()
    assert all(map(torch.equal, whole.parameters(), resumed.parameters()))
    assert any(state["exp_avg"].abs().sum() > 0 for state in two.state.values())


def test_it_learns(make_model, go_backward):
    model = make_model()
    optimizer = Lion().build(model, 5e-3, 1e-3)
    losses = []
    for step in range(150):
        losses.append(go_backward(model, step))
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]


def test_a_closure_is_called_once_with_gradients():
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = Lion().build(torch.nn.ParameterList([weight]), 0.1, 0.0)

    def closure():
        loss = (weight * 2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 6
    torch.testing.assert_close(weight.detach(), torch.full((3,), 0.9))

"""Norms of parts against torch's own, and when they are logged."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from salt_core import ConfigError
from salt_plugins.callbacks.norms.callback import GradientNorms, WeightNorms, part_norms


class Log:
    """A logger that keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, values, step) -> None:
        assert values["epoch"] == 2
        self.rows.append((step, {key: value for key, value in values.items() if key != "epoch"}))


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    encoder = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 2)])})
    model = nn.ModuleDict({"encoder": encoder, "tasks": nn.ModuleDict({"flavour": nn.Linear(2, 1)})})
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    return model


def trainer_at(step: int, **changed: object) -> SimpleNamespace:
    given = {
        "global_step": step,
        "current_epoch": 2,
        "is_global_zero": True,
        "loggers": [Log()],
        "log_every_n_steps": 10,
    }
    return SimpleNamespace(**given | {"precision_plugin": SimpleNamespace()} | changed)


def norm_of(tensors) -> float:
    return torch.cat([tensor.flatten() for tensor in tensors]).norm().item()


@pytest.mark.parametrize(
    ("depth", "parts"),
    [
        (1, {"encoder", "tasks"}),
        (3, {"encoder.layers.0", "encoder.layers.1", "tasks.flavour.weight", "tasks.flavour.bias"}),
        (9, {"encoder.layers.0.weight", "encoder.layers.0.bias", "encoder.layers.1.weight"}
         | {"encoder.layers.1.bias", "tasks.flavour.weight", "tasks.flavour.bias"}),
    ],
)  # fmt: skip
def test_parts_have_the_norm_of_all_their_tensors(model, depth, parts):
    named = {name: parameter.detach() for name, parameter in model.named_parameters()}
    found = part_norms(named, depth)
    assert set(found) == {*parts, "total"}
    for part in parts:
        inside = [value for name, value in named.items() if f"{name}.".startswith(f"{part}.")]
        assert found[part] == pytest.approx(norm_of(inside), rel=1e-5)
    assert found["total"] == pytest.approx(norm_of(named.values()), rel=1e-5)


def test_gradients_and_weights_are_logged(model):
    for callback, name, tensors in (
        (GradientNorms(depth=2), "gradient_norm", [p.grad for p in model["encoder"].parameters()]),
        (WeightNorms(depth=2), "weight_norm", [p.detach() for p in model["encoder"].parameters()]),
    ):
        trainer = trainer_at(19)
        callback.on_before_optimizer_step(trainer, model, torch.optim.SGD(model.parameters(), 0.1))
        ((step, values),) = trainer.loggers[0].rows
        assert step == 19
        assert set(values) == {f"{name}/{part}" for part in ("encoder.layers", "tasks.flavour", "total")}
        assert values[f"{name}/encoder.layers"] == pytest.approx(norm_of(tensors), rel=1e-5)


def test_parameters_without_gradient_have_no_norm_of_it(model):
    model["tasks"].zero_grad()
    trainer = trainer_at(9)
    GradientNorms(depth=1).on_before_optimizer_step(trainer, model, torch.optim.SGD(model.parameters(), 0.1))
    assert set(trainer.loggers[0].rows[0][1]) == {"gradient_norm/encoder", "gradient_norm/total"}
    model.zero_grad()
    assert part_norms({}, 1) == {}


@pytest.mark.parametrize(
    ("every", "changed", "steps"),
    [
        (None, {}, [9, 19]),
        (4, {}, [3, 7, 11, 15, 19]),
        (1, {"is_global_zero": False}, []),
        (1, {"loggers": []}, []),
    ],
)
def test_nothing_is_measured_where_nothing_is_logged(model, every, changed, steps, monkeypatch):
    callback, measured = WeightNorms(every_n_steps=every), []
    monkeypatch.setattr(callback, "tensors", lambda model: measured.append(step) or {})
    for step in range(20):
        callback.on_before_optimizer_step(trainer_at(step, **changed), model, None)
    assert measured == steps


@pytest.mark.parametrize(("own", "divided"), [(True, 8.0), (False, 1.0)])
def test_the_scale_of_the_loss_is_taken_out_where_it_is_still_in(model, own, divided):
    """A fused optimiser divides by it in its step; for others it has been done before."""
    scaler = SimpleNamespace(get_scale=lambda: 8.0)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    optimizer._step_supports_amp_scaling = own
    trainer = trainer_at(9, precision_plugin=SimpleNamespace(scaler=scaler))
    GradientNorms().on_before_optimizer_step(trainer, model, optimizer)
    total = trainer.loggers[0].rows[0][1]["gradient_norm/total"]
    assert total == pytest.approx(norm_of(p.grad for p in model.parameters()) / divided, rel=1e-5)


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"every_n_steps": 0}])
def test_numbers_start_at_one(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        GradientNorms(**wrong)

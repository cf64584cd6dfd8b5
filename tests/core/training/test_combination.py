"""The geometric mean of losses: its value, its gradients, losses that are zero, ranks, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from salt_core.errors import SaltError
from salt_core.training import combination
from salt_core.training.combination import check_combination, combined, geometric_mean


@dataclass
class Head:
    """What the combination asks a task for."""

    weight: float = 1.0
    can_be_negative: bool = False


def losses(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_the_value_and_the_sum_beside_it():
    named = dict(zip("abc", losses(2.0, 4.0, 27.0), strict=True))
    assert combined("GLS", named).item() == pytest.approx((2 * 4 * 27) ** (1 / 3))
    assert combined("sum", named).item() == 33


def test_gradients_against_finite_differences():
    assert torch.autograd.gradcheck(geometric_mean, losses(0.3, 2.0, 1e-3, 40.0))
    assert torch.autograd.gradcheck(geometric_mean, losses(0.7))


def test_a_loss_of_zero_is_left_out():
    values = losses(2.0, 0.0, 8.0)
    total = geometric_mean(values)
    total.backward()
    assert total.item() == pytest.approx(4.0)
    assert values.grad.tolist() == pytest.approx([1.0, 0.0, 0.25])


def test_without_any_loss_there_is_nothing_to_learn():
    values = losses(0.0, 0.0)
    total = geometric_mean(values)
    total.backward()
    assert (total.item(), values.grad.tolist()) == (0.0, [0.0, 0.0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_what_is_no_loss_is_seen(value):
    assert not torch.isfinite(geometric_mean(losses(1.0, value)))


def test_two_ranks_train_as_one_on_both_their_batches(monkeypatch):
    """The mean over the ranks of a task's losses is that of all jets; so is the mean of gradients."""
    ranks = losses(1.0, 5.0, 0.0), losses(7.0, 3.0, 2.0)
    whole = (ranks[0] + ranks[1]).detach().div(2).requires_grad_()
    expected = geometric_mean(whole)
    expected.backward()
    monkeypatch.setattr(combination, "num_ranks", lambda: 2)
    monkeypatch.setattr(combination, "sum_over_ranks", lambda _: (ranks[0] + ranks[1]).detach())
    totals = [geometric_mean(rank) for rank in ranks]
    assert sum(total.item() for total in totals) / 2 == pytest.approx(expected.item())
    for total, rank in zip(totals, ranks, strict=True):
        total.backward()
        assert rank.grad.tolist() == pytest.approx(whole.grad.tolist())


def test_weights_and_negative_losses_are_refused_together():
    tasks = {"a": Head(), "b": Head(weight=0.5), "c": Head(can_be_negative=True)}
    check_combination("sum", tasks)
    check_combination("GLS", {"a": Head()})
    with pytest.raises(SaltError) as caught:
        check_combination("GLS", tasks)
    assert "model.tasks.b.weight: 0.5 has no effect" in str(caught.value)
    assert "model.loss_mode: the loss of c can be negative" in str(caught.value)
    assert "model.tasks.a" not in str(caught.value)

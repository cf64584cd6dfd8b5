"""The learning rate over a training."""

from __future__ import annotations

from math import cos, pi

import pytest
import torch

from salt_core.errors import ConfigError
from salt_core.training.schedule import Cycle, LearningRate


def new_optimizer(**groups: float) -> torch.optim.Optimizer:
    """Make an optimiser with a group for each rate's factor, or one without."""
    parameters = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr_factor": f} for f in groups.values()]
    return torch.optim.AdamW(parameters or [torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def rates(config: LearningRate, steps: int) -> list[float]:
    optimizer = new_optimizer()
    scheduler = config.scheduler(optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(found) < steps:
            scheduler.step()
    return found


def test_one_cycle_from_initial_over_max_to_end():
    found = rates(LearningRate(initial=1e-7, max=5e-4, end=1e-5, pct_start=0.1), 1000)
    assert found[0] == pytest.approx(1e-7)
    assert max(found) == pytest.approx(5e-4)
    assert found[-1] == pytest.approx(1e-5)
    assert found.index(max(found)) == pytest.approx(100, abs=2)


def test_cosine_rises_on_a_line_and_falls_along_half_a_cosine():
    found = rates(LearningRate(initial=1.0, max=5.0, end=2.0, pct_start=0.2, schedule="cosine"), 21)
    top = 0.2 * 21 - 1
    up = [1 + 4 * step / top for step in range(4)]
    down = [2 + 3 * (1 + cos(pi * (step - top) / (20 - top))) / 2 for step in range(4, 21)]
    assert found == pytest.approx(up + down)
    assert found[-1] == pytest.approx(2.0)


def test_one_cycle_is_torch_s():
    optimizer = new_optimizer()
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 5.0, total_steps=21, pct_start=0.2, div_factor=5.0, final_div_factor=0.5
    )
    expected = []
    for step in range(21):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < 20:
            theirs.step()
    assert rates(LearningRate(initial=1.0, max=5.0, end=2.0, pct_start=0.2), 21) == expected


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_each_group_has_its_share_of_the_rate(schedule):
    optimizer = new_optimizer(a=1.0, b=20.0)
    scheduler = LearningRate(schedule=schedule, pct_start=0.3).scheduler(optimizer, 10)
    for _ in range(9):
        one, twenty = (group["lr"] for group in optimizer.param_groups)
        assert twenty == pytest.approx(20 * one)
        optimizer.step()
        scheduler.step()
    assert one < 5e-4


@pytest.mark.parametrize("cycles", [True, False])
def test_the_momentum_is_moved_where_the_optimiser_wants_it(cycles):
    optimizer = new_optimizer()
    LearningRate(pct_start=0.3).scheduler(optimizer, 10, cycles)
    assert optimizer.param_groups[0]["betas"] == ((0.95 if cycles else 0.9), 0.999)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_a_schedule_goes_on_where_its_state_says(schedule):
    config = LearningRate(schedule=schedule, pct_start=0.3)
    whole, halves = rates(config, 12), []
    optimizer = new_optimizer()
    scheduler = config.scheduler(optimizer, 12)
    for step in range(12):
        if step == 5:
            states = optimizer.state_dict(), scheduler.state_dict()
            optimizer = new_optimizer()
            scheduler = LearningRate(max=1.0, schedule=schedule).scheduler(optimizer, 99)
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
        halves.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < 11:
            scheduler.step()
    assert halves == whole


@pytest.mark.parametrize(
    "wrong", [{"initial": 0.0}, {"end": 1.0}, {"max": -1.0}, {"pct_start": 1.5}, {"weight_decay": -1.0}]
)
def test_rates_that_make_no_cycle(wrong):
    with pytest.raises(ConfigError, match=r"model\.lrs_config"):
        LearningRate(**wrong).check()


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
@pytest.mark.parametrize(
    ("share", "steps"), [(0.01, 100), (0.2, 5), (1.0, 10), (0.0, 10), (1.0, 1), (0.5, 1), (0.5, 2)]
)
def test_a_part_of_the_cycle_without_length(share, steps, schedule):
    """Torch divides by the length of a part, which is 0 for 1% of 100 steps."""
    found = rates(LearningRate(initial=1e-4, max=1e-2, end=1e-3, pct_start=share, schedule=schedule), steps)
    assert found[-1] == pytest.approx(1e-3, rel=1e-3)
    if steps > 2 and share:
        assert found[0] == pytest.approx(1e-4, rel=1e-3)
    if steps > 2 and share == 1:
        assert found[:-1] == sorted(found[:-1])


ZERO = LearningRate(last_epoch=0)


@pytest.mark.parametrize(
    ("before", "config", "steps", "goes_on"),
    [
        (Cycle.of(LearningRate(), 0, 10), LearningRate(), 10, True),
        (Cycle.of(LearningRate(), 0, 10), LearningRate(), 20, True),  # which is refused then
        (Cycle.of(LearningRate(), 0, 10), ZERO, 20, False),
        (Cycle.of(LearningRate(), 0, 10), ZERO, 10, False),
        (Cycle.of(ZERO, 10, 10), ZERO, 20, True),
        (Cycle.of(ZERO, 0, 20), ZERO, 20, True),
        (Cycle.of(ZERO, 10, 10), ZERO, 15, True),
        (Cycle.of(ZERO, 10, 10), ZERO, 30, False),
        (Cycle.of(ZERO, 10, 10), LearningRate(max=1e-3, last_epoch=0), 20, False),
        (Cycle.of(ZERO, 10, 10), LearningRate(), 20, True),
        (Cycle.of(ZERO, 10, 10), LearningRate(last_epoch=0, schedule="cosine"), 20, False),
    ],
)
def test_a_new_cycle_is_started_once(before, config, steps, goes_on):
    assert before.goes_on(config, steps) is goes_on
    assert Cycle(**before.to_plain()) == before


def test_a_checkpoint_of_before_there_were_two_schedules():
    plain = Cycle.of(ZERO, 10, 10).to_plain()
    del plain["rates"]["schedule"]
    assert Cycle(**plain).schedule == "one_cycle"
    assert Cycle(**plain).goes_on(ZERO, 20)
    assert not Cycle(**plain).goes_on(LearningRate(last_epoch=0, schedule="cosine"), 20)

"""The learning rate over a training."""

from __future__ import annotations

import pytest
import torch

from salt_core.errors import ConfigError
from salt_core.training.schedule import Cycle, LearningRate


def rates(config: LearningRate, steps: int) -> list[float]:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=config.initial)
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


@pytest.mark.parametrize("wrong", [{"initial": 0.0}, {"end": 1.0}, {"max": -1.0}, {"pct_start": 1.5}])
def test_rates_that_make_no_cycle(wrong):
    with pytest.raises(ConfigError, match=r"model\.lrs_config"):
        LearningRate(**wrong).check()


@pytest.mark.parametrize(
    ("share", "steps"), [(0.01, 100), (0.2, 5), (1.0, 10), (0.0, 10), (1.0, 1), (0.5, 1), (0.5, 2)]
)
def test_a_part_of_the_cycle_without_length(share, steps):
    """Torch divides by the length of a part, which is 0 for 1% of 100 steps."""
    found = rates(LearningRate(initial=1e-4, max=1e-2, end=1e-3, pct_start=share), steps)
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
    ],
)
def test_a_new_cycle_is_started_once(before, config, steps, goes_on):
    assert before.goes_on(config, steps) is goes_on
    assert Cycle(**before.to_plain()) == before

"""The learning rate over a training."""

from __future__ import annotations

import pytest
import torch

from salt_core.errors import ConfigError
from salt_core.training.schedule import LearningRate


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

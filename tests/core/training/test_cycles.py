"""The cycle of the learning rate that a training is in, from one checkpoint to the next."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from salt_core.errors import ConfigError
from salt_core.training.checkpoints import CYCLE_KEY
from salt_core.training.cycles import Cycles
from salt_core.training.schedule import Cycle, LearningRate

RATES = LearningRate(pct_start=0.3)
NEW = LearningRate(pct_start=0.3, last_epoch=0)


def new_optimizer() -> torch.optim.Optimizer:
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def trainer_of(steps: int, done: int) -> SimpleNamespace:
    """A trainer that has read a checkpoint after `done` of `steps` steps."""
    optimizer = new_optimizer()
    config = SimpleNamespace(scheduler=RATES.scheduler(optimizer, steps))
    return SimpleNamespace(
        estimated_stepping_batches=steps,
        global_step=done,
        optimizers=[optimizer],
        lr_scheduler_configs=[config],
    )


def saved(cycles: Cycles) -> dict[str, object]:
    checkpoint: dict[str, object] = {}
    cycles.save(checkpoint)
    return checkpoint


def test_a_training_begins_with_a_cycle_over_all_its_steps():
    cycles = Cycles(RATES, cycles_momentum=True)
    optimizer = new_optimizer()
    assert cycles.first(optimizer, 10.0).total_steps == 10
    assert optimizer.param_groups[0]["betas"][0] == 0.95
    assert saved(cycles) == {CYCLE_KEY: Cycle.of(RATES, 0, 10).to_plain()}


def test_a_training_without_end_has_no_cycle():
    with pytest.raises(ConfigError, match="needs a number of steps"):
        Cycles(RATES, cycles_momentum=False).first(new_optimizer(), math.inf)


@pytest.mark.parametrize(
    ("config", "before", "expected"),
    [
        (RATES, None, Cycle.of(RATES, 0, 20)),
        (RATES, Cycle.of(RATES, 0, 30), Cycle.of(RATES, 0, 30)),
        (NEW, Cycle.of(RATES, 0, 10), Cycle.of(NEW, 10, 10)),
        (NEW, Cycle.of(NEW, 5, 15), Cycle.of(NEW, 5, 15)),
    ],
    ids=["checkpoint_without", "goes_on", "new", "goes_on_in_the_new_one"],
)
def test_the_cycle_of_a_checkpoint_goes_on_or_a_new_one_begins(config, before, expected):
    cycles, trainer = Cycles(config, cycles_momentum=False), trainer_of(20, 10)
    cycles.first(trainer.optimizers[0], 20)
    scheduler = trainer.lr_scheduler_configs[0].scheduler
    cycles.load({} if before is None else {CYCLE_KEY: before.to_plain()})
    cycles.go_on(trainer)
    assert saved(cycles) == {CYCLE_KEY: expected.to_plain()}
    begins = expected.first_step == trainer.global_step
    assert (trainer.lr_scheduler_configs[0].scheduler is scheduler) is not begins
    assert trainer.lr_scheduler_configs[0].scheduler.total_steps == (10 if begins else 20)


def test_a_training_longer_than_its_checkpoints_cycle_is_refused():
    cycles = Cycles(RATES, cycles_momentum=False)
    cycles.load({CYCLE_KEY: Cycle.of(RATES, 0, 15).to_plain()})
    with pytest.raises(ConfigError, match="ends after 15 steps, this training has 20"):
        cycles.go_on(trainer_of(20, 10))

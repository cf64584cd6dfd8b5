"""How many steps a training will have, before it starts."""

from __future__ import annotations

import math

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from salt_core.errors import ConfigError
from salt_core.training.length import check_length, planned_steps
from salt_core.training.schedule import Cycle, LearningRate

BATCHES = 7


class Counting(LightningModule):
    """Notes how many steps Lightning says that there will be, and takes no step."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        self.said = self.trainer.estimated_stepping_batches
        return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])

    def training_step(self, batch: torch.Tensor) -> int:
        return -1

    def train_dataloader(self) -> DataLoader:
        return DataLoader(torch.zeros(BATCHES, 1))


@pytest.mark.parametrize(
    "options",
    [
        {"max_epochs": 3},
        {},
        {"max_epochs": 0},
        {"max_epochs": 3, "accumulate_grad_batches": 2},
        {"max_epochs": 3, "limit_train_batches": 5},
        {"max_epochs": 3, "limit_train_batches": 50},
        {"max_epochs": 3, "limit_train_batches": 0.5},
        {"max_epochs": 3, "limit_train_batches": 1.0},
        {"max_epochs": 3, "limit_train_batches": 0.5, "accumulate_grad_batches": 2},
        {"max_epochs": 3, "max_steps": 12},
        {"max_epochs": 3, "max_steps": 40},
        {"max_steps": 12},
        {"max_steps": 12, "max_epochs": -1},
        {"max_epochs": -1},
        {"max_epochs": 3, "overfit_batches": 2},
        {"max_epochs": 3, "fast_dev_run": 2},
    ],
    ids=str,
)
def test_as_many_as_lightning_counts(options, monkeypatch):
    module = Counting()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(accelerator="cpu", enable_model_summary=False, **quiet, **options)
    monkeypatch.setattr(trainer.fit_loop, "run", lambda: None)
    trainer.fit(module)
    assert planned_steps(trainer, BATCHES) == module.said


RATES = LearningRate()
NEW = LearningRate(last_epoch=0)


@pytest.mark.parametrize(
    ("config", "before", "steps"),
    [
        (RATES, None, 25),
        (RATES, Cycle.of(RATES, 0, 15), 15),
        (RATES, Cycle.of(RATES, 0, 15), 10),
        (RATES, Cycle.of(RATES, 5, 10), 15),
        (NEW, Cycle.of(RATES, 0, 15), 25),
        (NEW, Cycle.of(NEW, 0, 15), 25),
    ],
)
def test_a_cycle_that_lasts_to_the_end_or_a_new_one(config, before, steps):
    check_length(config, before, steps, 8)


def test_a_cycle_that_ends_before_the_training():
    with pytest.raises(
        ConfigError, match=r"ends after 15 steps, this training has 16.* over the 8 that are left"
    ):
        check_length(RATES, Cycle.of(RATES, 5, 10), 16, 8)


def test_steps_without_end():
    with pytest.raises(ConfigError, match=r"trainer.max_epochs: .* needs a number of steps"):
        check_length(RATES, None, math.inf, 0)

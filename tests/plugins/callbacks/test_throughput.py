"""What a training's time goes to, by a clock that this test moves on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from salt_core import ConfigError
from salt_plugins.callbacks.throughput import callback


class Times:
    """A clock, and the training that takes its time."""

    def __init__(self, monkeypatch) -> None:
        self.now, self.logged = 100.0, {}
        monkeypatch.setattr(callback.time, "perf_counter", lambda: self.now)
        self.callback = callback.Throughput(window=2)
        self.trainer = SimpleNamespace(world_size=2)
        module = SimpleNamespace(
            log=lambda name, value, **_: self.logged.update({name: value}),
            log_dict=lambda values, **_: self.logged.update(values),
        )
        self.told = (self.trainer, module)

    def after(self, seconds: float, hook: str, *more: object) -> None:
        """Let time pass, and tell the callback what is reached."""
        self.now += seconds
        getattr(self.callback, hook)(*self.told, *more)

    def step(self, waiting: float, computing: float, jets: int = 10) -> None:
        batch = SimpleNamespace(num_jets=jets)
        self.after(waiting, "on_train_batch_start", batch, 0)
        self.after(computing, "on_train_batch_end", None, batch, 0)

    def parts(self) -> list[float]:
        return [self.logged[f"time/{part}"] for part in callback.PARTS]


@pytest.fixture
def times(monkeypatch):
    return Times(monkeypatch)


def test_every_second_is_counted_once(times):
    times.after(50, "on_train_start")
    times.after(1, "on_train_epoch_start")
    times.step(2, 3)
    times.step(4, 5)
    times.after(6, "on_validation_start")
    times.after(7, "on_validation_end")
    times.after(8, "on_train_epoch_end")
    assert times.parts() == [6, 8, 7, 15]
    times.after(9, "on_train_epoch_start")  # a checkpoint has been written
    times.step(1, 1)
    times.after(0, "on_train_epoch_end")
    assert times.parts() == [1, 1, 0, 9]


def test_what_follows_a_validation_amid_an_epoch_is_no_loading(times):
    times.after(0, "on_validation_start")  # Lightning tries the validation before the training starts
    times.after(9, "on_validation_end")
    times.after(0, "on_train_start")
    times.after(0, "on_train_epoch_start")
    times.step(1, 1)
    times.after(0, "on_validation_start")
    times.after(3, "on_validation_end")
    times.step(5, 1)
    times.step(1, 1)
    times.after(0, "on_train_epoch_end")
    assert times.parts() == [2, 3, 3, 5]


def test_the_rate_is_that_of_all_devices_over_the_last_steps(times):
    times.after(0, "on_train_start")
    times.after(0, "on_train_epoch_start")
    times.step(0, 10)
    assert times.logged["train/jets_per_s"] == 2
    times.step(1, 1)
    times.step(1, 1)
    assert times.logged["train/jets_per_s"] == 10


def test_a_window_without_a_step_is_refused():
    with pytest.raises(ConfigError, match="window: 0 must be at least 1"):
        callback.Throughput(window=0)

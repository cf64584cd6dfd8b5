"""What is said of worker counts, by the CPUs and by the time spent waiting."""

from __future__ import annotations

import logging
import time

import pytest

from salt_core.data import advice
from salt_core.data.advice import Readers, WatchedLoader


def readers(workers: int, cpus: int = 8, ranks: int = 1, workers_help: bool = True) -> Readers:
    return Readers(workers, cpus, ranks, workers_help)


@pytest.mark.parametrize(("workers", "ranks"), [(0, 1), (8, 1), (4, 2), (1, 16)])
def test_as_many_workers_as_cpus_are_not_too_many(workers, ranks):
    assert readers(workers, ranks=ranks).too_many() == ""


def test_more_workers_than_cpus():
    assert "9 processes are more than the 8 CPUs" in readers(9).too_many()
    assert "try 7" in readers(9).too_many()
    assert "5 processes on each of 2 devices" in readers(5, ranks=2).too_many()
    assert "try 3" in readers(5, ranks=2).too_many()


def test_little_waiting_is_not_worth_a_word():
    assert readers(1).too_slow(0.19, 0.81) == ""


@pytest.mark.parametrize(
    ("workers", "waiting", "working", "number"),
    [
        (0, 0.3, 0.1, 3),  # reading takes three times as long as a step
        (0, 0.03, 0.1, 1),
        (2, 0.1, 0.1, 4),  # two give a batch in 0.2 s, wanted is one in 0.1 s
        (1, 0.01, 0.03, 2),
        (2, 9.0, 1.0, 8),  # twenty would be needed
    ],
)
def test_the_number_to_try(workers, waiting, working, number):
    said = readers(workers).too_slow(waiting, working)
    assert f"{waiting / (waiting + working):.0%}" in said
    assert f"data.num_workers: {number}," in said


def test_where_all_cpus_read_another_loader_helps():
    said = readers(8).too_slow(1.0, 1.0)
    assert "--data.loader packed" in said
    assert "num_workers" not in said


def test_where_workers_do_not_help_the_disk_is_named():
    said = readers(0, workers_help=False).too_slow(1.0, 1.0)
    assert "data.cache_dir" in said
    assert "num_workers" not in said


class Slow:
    """Ten batches an epoch, each of which takes its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.state = {"epoch": 3}

    def __len__(self):
        return 10

    def __iter__(self):
        for number in range(10):
            time.sleep(self.seconds)
            yield number

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = state


@pytest.fixture
def said(caplog, monkeypatch):
    monkeypatch.setattr(advice, "FIRST", 1)
    monkeypatch.setattr(advice, "MEASURED", 12)
    monkeypatch.setattr(logging.getLogger("salt"), "propagate", True)
    caplog.set_level(logging.WARNING, "salt")
    return lambda: [record.getMessage() for record in caplog.records]


def test_waiting_is_measured_over_epochs_and_said_once(said):
    loader = WatchedLoader(Slow(0.003), readers(0))
    for _ in range(4):
        assert list(loader) == list(range(10))
    assert len(said()) == 1
    assert "data.num_workers" in said()[0]


def test_a_fast_loader_is_not_mentioned(said):
    for _ in range(3):
        for _ in WatchedLoader(Slow(0.0), readers(0)):
            time.sleep(0.002)
    assert said() == []


def test_it_passes_on_length_and_position():
    loader = WatchedLoader(Slow(0.0), readers(0))
    loader.load_state_dict({"epoch": 7})
    assert (len(loader), loader.state_dict()) == (10, {"epoch": 7})

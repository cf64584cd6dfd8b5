"""Processes that share a store, and that are killed while they pack or train: nothing is half, nothing is lost."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from processes import wait_for_session
from shelves import entries_in

from salt_core.data.file_batches import FileBatches
from salt_plugins.dataloaders.packed import packing
from salt_plugins.dataloaders.packed.loader import Packed
from salt_plugins.dataloaders.packed.verifying import verify
from salt_plugins.dataloaders.packed.writing import StoreWriter

SEED = random.SystemRandom().randrange(10**6)
FORK = multiprocessing.get_context("fork")

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture
def slow(monkeypatch):
    """Pack jet by jet."""
    monkeypatch.setattr(packing, "FEWEST", 1)
    monkeypatch.setattr(packing, "BITE", 1)


def hold(request, log: Path, ready, leave) -> None:
    """Prepare a store in a process of its own and use it until told to leave."""
    os.setsid()
    logger = logging.getLogger("salt.packed")
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.FileHandler(log))
    Packed().prepare(request)
    ready.set()
    leave.wait()


@pytest.fixture
def holder(tmp_path):
    """Start processes that prepare a store and hold it."""
    started, leave = [], FORK.Event()

    def start(request):
        ready = FORK.Event()
        process = FORK.Process(target=hold, args=(request, tmp_path / "said.log", ready, leave))
        process.start()
        started.append(process)
        process.ready = ready
        return process

    start.leave = leave
    yield start
    for process in started:
        process.kill()
        process.join()


@pytest.mark.parametrize("number", [2, 4])
def test_processes_that_want_the_same_make_one(request_of, holder, tmp_path, cache, slow, number):
    others = [holder(request_of(rank=rank)) for rank in range(number)]
    assert all(other.ready.wait(30) for other in others)
    assert (tmp_path / "said.log").read_text().count("packed 50 jets") == 1
    assert len(entries_in(cache)) == 1


@needs_proc
@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.full)])
def test_a_kill_at_any_moment_of_packing_leaves_a_right_store(
    times, request_of, cache, holder, slow, same, bytes_of_store, store
):
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it where the test fails
    moments = random.Random(SEED)
    start = time.monotonic()
    assert holder(request_of(cache_dir=cache.with_name("timed"), num_workers=2)).ready.wait(30)
    duration = time.monotonic() - start
    expected = list(FileBatches(request_of()))
    for attempt in range(times):
        place = cache.with_name(f"cache{attempt}")
        request = request_of(cache_dir=place, num_workers=2 * (attempt % 2))
        killed = holder(request)
        time.sleep(moments.uniform(0, 1.2 * duration))
        os.kill(killed.pid, signal.SIGKILL)
        killed.join()
        wait_for_session(killed.pid)
        if attempt % 3 == 1:  # whichever run comes next
            Packed().prepare(replace(request, num_jets=20, num_workers=0))
            assert not [name for name in entries_in(place) if name.startswith(".")]
            place = cache.with_name(f"after{attempt}")
            request = replace(request, cache_dir=place)
        (found,) = Packed().prepare(request)
        verify(found)
        assert entries_in(place) == [found.name]
        assert bytes_of_store(found) == bytes_of_store(store)
        for one, other in zip(Packed().build(request), expected, strict=True):
            same(one, other)


@needs_proc
@pytest.mark.parametrize("workers", [0, 2])
def test_half_a_store_goes_with_the_next_run_whatever_it_packs(
    request_of, cache, holder, slow, monkeypatch, workers
):
    append = StoreWriter.append

    def hang(self, jets, part):
        append(self, jets, part)
        if self.rows("jets") == 25:
            time.sleep(60)

    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "append", hang)
        killed = holder(request_of(num_workers=workers))
        end = time.monotonic() + 20
        while not list(cache.glob(".*.part/jets.label")):
            assert time.monotonic() < end
            time.sleep(0.005)
        time.sleep(0.1)
        os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    wait_for_session(killed.pid)
    (part,) = entries_in(cache)
    assert part.endswith(".part")
    (found,) = Packed().prepare(request_of(num_jets=20))
    assert entries_in(cache) == [found.name]


def train(loader: type, request, position: int, epochs: int, record: Path) -> None:
    """Take the batches of some epochs from a position on, and write down the rows of each."""
    os.setsid()
    batches = loader(request) if loader is FileBatches else Packed().build(request)
    epoch, step = divmod(position, len(batches))
    batches.load_state_dict({"epoch": epoch, "batch": step})
    with record.open("a") as file:
        for _ in range(epoch, epochs):
            for batch in batches:
                time.sleep(0.002)
                file.write(f"{batch.rows.tolist()}\n")
                file.flush()


def finished(record: Path) -> list[str]:
    """Return the lines that were written whole."""
    text = record.read_text() if record.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


@needs_proc
@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.full)])
@pytest.mark.parametrize(
    ("loader", "changes"),
    [
        (Packed, {"shuffle": "full"}),
        (Packed, {"shuffle": "blocks", "max_memory": 1}),
        (FileBatches, {"num_workers": 2}),
    ],
)
def test_a_kill_at_any_moment_of_an_epoch_loses_and_repeats_no_batch(
    times, loader, changes, request_of, tmp_path
):
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it where the test fails
    moments = random.Random(SEED)
    request = request_of(training=True, batch_size=1, **changes)
    start = time.monotonic()
    epochs = max(2, times // 5)
    whole, record = tmp_path / "whole", tmp_path / "record"
    trained = FORK.Process(target=train, args=(loader, request, 0, epochs, whole))
    trained.start()
    trained.join(60)
    duration = time.monotonic() - start
    expected = finished(whole)
    assert len(expected) == 50 * epochs
    each = [sorted(expected[50 * epoch : 50 * (epoch + 1)]) for epoch in range(epochs)]
    assert each == [sorted(f"[{row}]" for row in range(50))] * epochs
    for kill in range(times + 1):
        done = finished(record)
        record.write_text("".join(f"{line}\n" for line in done))
        killed = FORK.Process(target=train, args=(loader, request, len(done), epochs, record))
        killed.start()
        if kill < times:
            time.sleep(moments.uniform(0, 1.5 * duration / times))
            os.kill(killed.pid, signal.SIGKILL)
        killed.join(60)
        wait_for_session(killed.pid)
    assert finished(record) == expected


def test_what_is_in_use_stays_in_a_full_cache(request_of, cache, holder):
    other = holder(request_of(num_jets=10))
    assert other.ready.wait(30)
    (used,) = entries_in(cache)
    Packed(cache_limit=1).prepare(request_of(num_jets=20))
    assert used in entries_in(cache)
    holder.leave.set()
    other.join(10)
    Packed(cache_limit=1).prepare(request_of(num_jets=20))
    assert used not in entries_in(cache)
    assert len(entries_in(cache)) == 1

"""A store in the cache: made once, made anew where it must be, never half, and removed where room is needed."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from processes import wait_for_session

from salt_core.data.file_batches import FileBatches
from salt_core.errors import ConfigError, DataError
from salt_core.interfaces.dataloader import Contents
from salt_core.shelf import size_of
from salt_plugins.dataloaders.packed import packing
from salt_plugins.dataloaders.packed.batches import PackedBatches
from salt_plugins.dataloaders.packed.loader import Packed, default_cache
from salt_plugins.dataloaders.packed.store import verify

SEED = random.SystemRandom().randrange(10**6)
FORK = multiprocessing.get_context("fork")

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture
def request_of(jets, source, select, ask):
    return lambda files=source, **changes: ask(files, select(jets.rows), **changes)


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def slow(monkeypatch):
    """Pack jet by jet."""
    monkeypatch.setattr(packing, "FEWEST", 1)
    monkeypatch.setattr(packing, "BITE", 1)


def names_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.name != ".locks-kept")


def said(log, word: str) -> list[str]:
    return [text for text in log.messages if word in text]


def test_it_is_made_once_and_found_again(request_of, cache, packing_log, same):
    built = [Packed().build(request_of()) for _ in range(2)]
    assert len(said(packing_log, "packed 50 jets")) == 1
    assert not said(packing_log, "anew")
    assert all(isinstance(loader, PackedBatches) for loader in built)
    assert len(names_in(cache)) == 1
    for one, other in zip(*built, strict=True):
        same(one, other)


def test_a_sample_that_is_read_once_is_not_packed(request_of, cache, same):
    loader = Packed().build(request_of(once=True))
    assert isinstance(loader, FileBatches)
    assert not cache.exists()


@pytest.mark.parametrize("file", ["tracks.inputs", "jets.label", "muons.starts", "manifest.json"])
@pytest.mark.parametrize("restore", [True, False])
def test_a_flipped_byte_is_said_and_the_store_made_anew(request_of, packing_log, same, file, restore):
    (store,) = Packed().prepare(request_of())
    path = store / file
    whole, times = path.read_bytes(), path.stat()
    path.write_bytes(whole[:20] + bytes([whole[20] ^ 4]) + whole[21:])
    if restore:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    packing_log.clear()
    packed = Packed().build(request_of())
    (warning,) = [record for record in packing_log.records if record.levelno == logging.WARNING]
    assert warning.getMessage().startswith("the store of ")
    assert f"jets.h5 is made anew: {path} " in warning.getMessage()
    assert path.read_bytes() == whole
    verify(store)
    for one, other in zip(packed, FileBatches(request_of()), strict=True):
        same(one, other)


@pytest.mark.parametrize("damage", ["missing", "short", "no manifest", "version"])
def test_other_damage_is_said_and_the_store_made_anew(request_of, packing_log, bytes_of_store, damage):
    (store,) = Packed().prepare(request_of())
    whole = bytes_of_store(store)
    if damage == "missing":
        (store / "tracks.inputs").unlink()
    elif damage == "short":
        os.truncate(store / "tracks.inputs", 100)
    elif damage == "no manifest":
        (store / "manifest.json").unlink()
    else:
        text = (store / "manifest.json").read_text()
        (store / "manifest.json").write_text(text.replace('"version": 1', '"version": 0'))
    Packed().prepare(request_of())
    assert len(said(packing_log, "is made anew")) == 1
    assert bytes_of_store(store) == whole


def change(jets, source: Path, how: str) -> str:
    """Change a source, and return what is said of it."""
    times = source.stat()
    jets.rows["jets"]["v_i4"] += 1
    if how == "content":
        jets.write(source)
        return "has another modification time"
    if how == "touched":
        os.utime(source, ns=(0, 0))
        return "has another modification time"
    for name, rows in jets.rows.items():
        jets.rows[name] = np.concatenate([rows, rows])
    jets.write(source)
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    return "has another size and shape or type of a dataset"


@pytest.mark.parametrize("how", ["content", "touched", "more"])
def test_a_source_that_changed_is_said_and_the_store_made_anew(
    request_of, jets, source, packing_log, same, how
):
    size = source.stat().st_size
    Packed().prepare(request_of())
    text = change(jets, source, how)
    assert (source.stat().st_size == size) == (how != "more")
    packed = list(Packed().build(request_of()))
    assert said(packing_log, "anew") == [f"the store of {source} is made anew: {source} {text}"]
    assert sum(batch.num_jets for batch in packed) == (100 if how == "more" else 50)
    for one, other in zip(packed, FileBatches(request_of()), strict=True):
        same(one, other)


@pytest.mark.parametrize("virtual", [False, True])
def test_one_of_several_sources_that_changed(jets, select, ask, packing_log, tmp_path, same, virtual):
    files = (jets.write_virtual(tmp_path, [20]),) if virtual else jets.write_cut(tmp_path, [20])
    request = ask(files, select(jets.rows))
    Packed().prepare(request)
    jets.rows["jets"]["v_i4"] += 1
    jets.write(tmp_path / "part_1.h5", 20)
    packed = Packed().build(request)
    (message,) = said(packing_log, "anew")
    assert message.endswith(f": {tmp_path / 'part_1.h5'} has another modification time")
    for one, other in zip(packed, FileBatches(request), strict=True):
        same(one, other)


def test_a_store_that_is_named_is_used_and_never_made_anew(request_of, store, tmp_path, cache):
    named = request_of(files=(store,))
    assert Packed().prepare(named) == (store,)
    assert isinstance(Packed().build(request_of(files=(store,), once=True)), PackedBatches)
    path = store / "jets.inputs"
    path.write_bytes(b"\x01" + path.read_bytes()[1:])
    damaged = path.read_bytes()
    with pytest.raises(DataError, match=r"jets\.inputs is damaged") as caught:
        Packed().prepare(named)
    assert caught.value.exit_code == 1
    assert path.read_bytes() == damaged
    assert not cache.exists()


def test_a_store_is_no_file_among_several(request_of, store, source):
    with pytest.raises(ConfigError, match=r"data\.train_file: .* is a store, .* cannot be one of several"):
        Packed().build(request_of(files=(store, source)))


def test_a_store_tells_its_contents_as_the_files_do(request_of, store, source):
    found, expected = (Packed().contents(request_of(files=(path,))) for path in (store, source))
    assert isinstance(found, Contents)
    assert found.num_jets == expected.num_jets
    for name, columns in expected.columns.items():
        assert set(found.columns[name]) == {column for column in columns if column != "valid"}


def test_what_a_named_store_lacks_is_told_with_what_it_has(store, jets, select, ask):
    selection = select(jets.rows, columns={"jets": ("v_f44",)})
    with pytest.raises(ConfigError, match=r"has no variable 'v_f44' of 'jets'; did you mean 'v_f4'"):
        Packed().contents(ask(store, selection))


def test_a_store_made_ahead(request_of, store, tmp_path, bytes_of_store, packing_log):
    folder = tmp_path / "new" / "store"
    Packed().pack(request_of(), folder)
    assert bytes_of_store(folder) == bytes_of_store(store)
    with pytest.raises(ConfigError, match="exists; name a new folder"):
        Packed().pack(request_of(), folder)
    assert [path.name for path in folder.parent.iterdir()] == ["store"]


def test_a_store_made_ahead_that_cannot_be_made_leaves_nothing(jets, source, request_of, tmp_path):
    jets.rows["jets"]["v_f4"][3] = np.nan
    jets.write(source)
    with pytest.raises(DataError, match="not finite"):
        Packed().pack(request_of(), tmp_path / "new" / "store")
    assert list((tmp_path / "new").iterdir()) == []


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
    assert len(names_in(cache)) == 1


def test_a_full_cache_loses_what_was_not_used_for_longest(request_of, cache, packing_log):
    stores = []
    for number in (10, 20, 30):
        loader = Packed(cache_limit="1 GB")
        stores += loader.prepare(request_of(num_jets=number))
        for lease in loader._leases:  # as if the process had ended
            lease.release()
    for store, age in zip(stores, (2000, 3000, 1000), strict=True):
        os.utime(cache / ".locks-kept" / f"{store.name}.use", (age, age))
    limit = size_of(stores[0]) + size_of(stores[1])
    packing_log.clear()
    Packed(cache_limit=limit).prepare(request_of(num_jets=20))
    assert names_in(cache) == sorted([stores[0].name, stores[1].name])
    (message,) = said(packing_log, "removed the store")
    assert str(stores[2]) in message
    assert "cache_limit" in message


def test_what_is_in_use_stays_in_a_full_cache(request_of, cache, holder):
    other = holder(request_of(num_jets=10))
    assert other.ready.wait(30)
    (used,) = names_in(cache)
    Packed(cache_limit=1).prepare(request_of(num_jets=20))
    assert used in names_in(cache)
    holder.leave.set()
    other.join(10)
    Packed(cache_limit=1).prepare(request_of(num_jets=20))
    assert used not in names_in(cache)
    assert len(names_in(cache)) == 1


@pytest.mark.parametrize("limit", ["much", 0, "-3 GB"])
def test_a_limit_that_is_no_size(limit):
    with pytest.raises(ConfigError, match=r"data\.loader\.cache_limit"):
        Packed(cache_limit=limit)


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    assert default_cache() == tmp_path / "cache"
    monkeypatch.delenv("SALT_CACHE_DIR")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert default_cache() == tmp_path / f"salt-{os.getuid()}"
    monkeypatch.delenv("TMPDIR")
    assert default_cache().name == f"salt-{os.getuid()}"


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
            assert not [name for name in names_in(place) if name.startswith(".")]
            place = cache.with_name(f"after{attempt}")
            request = replace(request, cache_dir=place)
        (found,) = Packed().prepare(request)
        verify(found)
        assert names_in(place) == [found.name]
        assert bytes_of_store(found) == bytes_of_store(store)
        for one, other in zip(Packed().build(request), expected, strict=True):
            same(one, other)


@needs_proc
@pytest.mark.parametrize("workers", [0, 2])
def test_half_a_store_goes_with_the_next_run_whatever_it_packs(
    request_of, cache, holder, slow, monkeypatch, workers
):
    append = packing._Writer.append

    def hang(self, jets, part):
        append(self, jets, part)
        if self.rows("jets") == 25:
            time.sleep(60)

    with monkeypatch.context() as patch:
        patch.setattr(packing._Writer, "append", hang)
        killed = holder(request_of(num_workers=workers))
        end = time.monotonic() + 20
        while not list(cache.glob(".*.part/jets.label")):
            assert time.monotonic() < end
            time.sleep(0.005)
        time.sleep(0.1)
        os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    wait_for_session(killed.pid)
    (part,) = names_in(cache)
    assert part.endswith(".part")
    (found,) = Packed().prepare(request_of(num_jets=20))
    assert names_in(cache) == [found.name]


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

"""Batches of a store are those of its files, in any order, on any rank, from any step on."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salt_core.data.file_batches import FileBatches
from salt_core.errors import ConfigError
from salt_core.interfaces.dataloader import Position
from salt_plugins.dataloaders.packed import batches as module
from salt_plugins.dataloaders.packed.batches import PackedBatches
from salt_plugins.dataloaders.packed.store import PackedStore


@st.composite
def samples(draw):
    """Draw jets, how they are cut into files, and what of them is read."""
    slots = {f"stream{i}": draw(st.integers(1, 6)) for i in range(draw(st.integers(0, 3)))}
    limited = [name for name in slots if draw(st.booleans())]
    num_jets = draw(st.integers(1, 25))
    return {
        "seed": draw(st.integers(0, 2**32 - 1)),
        "num_jets": num_jets,
        "slots": slots,
        "flag": draw(st.sampled_from(["?", "u1", "i4"])),
        "cuts": draw(st.lists(st.integers(0, num_jets), max_size=3)),
        "virtual": draw(st.booleans()),
        "num_inputs": {name: draw(st.integers(1, 7)) for name in limited},
        "limit": draw(st.one_of(st.just(-1), st.integers(1, num_jets))),
        "batch_size": draw(st.integers(1, 30)),
        "shuffle": draw(st.sampled_from(["full", "blocks", "none"])),
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=samples())
def test_both_loaders_read_the_same(drawn, random_jets, select, ask, pack, same, by_jet, tmp_path):
    jets = random_jets(np.random.default_rng(drawn["seed"]), drawn["num_jets"], drawn["slots"], drawn["flag"])
    with TemporaryDirectory(dir=tmp_path) as folder:
        place = Path(folder)
        if drawn["virtual"]:
            files = (jets.write_virtual(place, drawn["cuts"]),)
        else:
            files = jets.write_cut(place, drawn["cuts"])
        selection = select(jets.rows, num_inputs=drawn["num_inputs"])
        request = ask(files, selection, num_jets=drawn["limit"], batch_size=drawn["batch_size"])
        read = list(FileBatches(request))
        everything = replace(selection, variables=dict.fromkeys(selection.variables, ()))
        columns = {
            n: tuple(dict.fromkeys((*c, *selection.variables[n]))) for n, c in selection.columns.items()
        }
        folders = (
            pack(request, place / "fitting"),
            pack(replace(request, selection=replace(everything, columns=columns)), place / "columns"),
        )
        for store in folders:
            packed = PackedBatches(PackedStore(store, selection), request)
            found = list(packed)
            assert len(found) == len(packed) == len(read)
            for one, other in zip(read, found, strict=True):
                same(one, other)
        training = replace(request, training=True)
        expected = by_jet(read)
        assert by_jet(FileBatches(training)) == expected
        shuffled = replace(training, shuffle=drawn["shuffle"], max_memory=1)
        assert by_jet(PackedBatches(PackedStore(folders[0], selection), shuffled)) == expected


def test_the_files_themselves_are_read_right(jets, source, select, ask, store):
    """What both loaders agree upon is what was written."""
    request = ask(source, select(jets.rows))
    for batch in PackedBatches(PackedStore(store, request.selection), request):
        rows = batch.rows.numpy()
        for place, variable in enumerate(request.selection.variables["jets"]):
            expected = jets.rows["jets"][variable][rows].astype(np.float32)
            assert np.array_equal(batch.x[:, place], expected)
        for stream in ("tracks", "muons"):
            wanted = jets.rows[stream][rows]
            wanted = wanted[wanted["valid"]]
            for place, variable in enumerate(request.selection.variables[stream]):
                assert np.array_equal(batch.streams[stream].x[:, place], wanted[variable].astype(np.float32))
            label = batch.raw(stream)["label"].numpy()
            assert np.array_equal(label, wanted["label"], equal_nan=True)


@pytest.fixture
def build(jets, source, select, ask, store, monkeypatch):
    """Make the iterable of a loader; windows of packed blocks are of some jets only."""
    selection = select(jets.rows)
    opened = PackedStore(store, selection)
    width = opened.manifest.bytes // 50
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * width)

    def make(loader: str, **changes: object):
        request = ask(source, selection, **{"training": True, **changes})
        return FileBatches(request) if loader == "hdf5" else PackedBatches(opened, request)

    make.blocks = {"shuffle": "blocks", "max_memory": 40 * width}
    return make


def rows(batches) -> list[list[int]]:
    return [batch.rows.tolist() for batch in batches]


def resumed_everywhere(build, loader: str, again: dict[str, object], **changes: object) -> None:
    """Stop after every step of two epochs and compare what is left with an uninterrupted run."""
    whole = build(loader, **changes)
    steps = len(whole)
    expected = [*rows(whole), *rows(whole)]
    assert len(expected) == 2 * steps
    assert expected[:steps] != expected[steps:] or changes.get("shuffle") == "none"
    for done in range(2 * steps):
        epoch, step = divmod(done, steps)
        first = build(loader, **changes)
        found = rows(
            itertools.chain.from_iterable(itertools.islice(iter(first), steps) for _ in range(epoch))
        )
        found += rows(itertools.islice(first, step))
        state = first.state_dict()
        assert state.items() >= {"epoch": epoch, "batch": step}.items()
        by_state = build(loader, **changes | again)
        by_state.load_state_dict(state)
        here = Position(epoch, step)
        by_trainer = build(loader, **changes | again, position=lambda here=here: here)
        left = [*rows(by_state), *(rows(by_state) if not epoch else [])]
        assert found + left == expected
        assert rows(by_trainer) == expected[done : (epoch + 1) * steps]
        assert by_trainer.state_dict().items() >= state.items()


@pytest.mark.parametrize("shuffle", ["full", "blocks", "none"])
def test_packed_goes_on_from_every_step(build, shuffle):
    changes = build.blocks if shuffle == "blocks" else {"shuffle": shuffle}
    resumed_everywhere(build, "packed", {"num_workers": 3}, **changes)


@pytest.mark.parametrize(
    ("before", "after"),
    [(0, 3), *(pytest.param(*change, marks=pytest.mark.full) for change in ((3, 1), (0, 0), (1, 0)))],
)
def test_hdf5_goes_on_from_every_step_with_any_workers(build, before, after):
    size = 7 if before == after == 0 else 13  # processes take their time
    resumed_everywhere(build, "hdf5", {"num_workers": after}, num_workers=before, batch_size=size)


def test_a_window_of_blocks_is_shuffled_and_the_next_one_asked_for(build, monkeypatch):
    packed = build("packed", **build.blocks)
    advised = []
    monkeypatch.setattr(packed.store, "advise", lambda jets, advice: advised.append((list(jets), advice)))
    found = [row for batch in rows(packed) for row in batch]
    assert sorted(found) == list(range(50))
    order = packed._order
    assert order.num_windows > 2
    wanted = [jets for jets, advice in advised if advice == module.mmap.MADV_WILLNEED]
    assert wanted == [order.blocks_of(0, window) for window in range(order.num_windows)]
    let_go = [jets for jets, advice in advised if advice == module.mmap.MADV_DONTNEED]
    assert let_go == wanted[: len(let_go)]
    assert let_go


@pytest.mark.parametrize("world_size", [2, 3, 4])
@pytest.mark.parametrize("shuffle", ["full", "blocks", "none"])
def test_ranks_train_on_every_jet_once_with_equal_jets_and_work(build, world_size, shuffle):
    changes = build.blocks if shuffle == "blocks" else {"shuffle": shuffle}
    ranks = [build("packed", rank=r, world_size=world_size, **changes) for r in range(world_size)]
    for _ in range(2):
        found = [list(rank) for rank in ranks]
        assert sorted(row for rank in found for batch in rank for row in batch.rows.tolist()) == list(
            range(50)
        )
        for step, parts in enumerate(zip(*found, strict=True)):
            sizes = [part.num_jets for part in parts]
            assert np.ptp(sizes) <= (1 if step == 0 and 50 % world_size else 0)
            assert max(sizes) <= 7


@pytest.mark.parametrize("world_size", [1, 3])
def test_ranks_evaluate_the_same_jets_as_hdf5(build, same, world_size):
    for rank in range(world_size):
        changes = {"training": False, "rank": rank, "world_size": world_size}
        for one, other in zip(build("hdf5", **changes), build("packed", **changes), strict=True):
            same(one, other)


def test_an_evaluation_that_stopped_early_begins_anew(build):
    evaluation = build("packed", training=False)
    next(iter(evaluation))
    assert rows(evaluation) == rows(build("packed", training=False))


def test_an_epoch_is_over_with_its_last_batch(build):
    packed = build("packed")
    list(itertools.islice(packed, len(packed)))
    assert packed.state_dict().items() >= {"epoch": 1, "batch": 0}.items()


def test_too_few_jets_for_the_devices(build):
    with pytest.raises(ConfigError, match=r"data\.train_file: the 3 jets of .* too few for 4 devices"):
        build("packed", num_jets=3, world_size=4)


def test_the_shuffle_follows_from_the_memory_and_is_said_once(build, packing_log):
    packing_log.set_level(logging.INFO, "salt.packed")
    size = build("packed").store.manifest.bytes
    packing_log.clear()
    for memory, shuffle in ((size, "full"), (size - 1, "blocks")):
        for rank in range(2):
            assert build("packed", max_memory=memory, rank=rank, world_size=2)._order.shuffle == shuffle
        (message,) = packing_log.messages
        assert message.endswith(f"(data.shuffle: {shuffle})")
        packing_log.clear()
    build("packed", max_memory=1, shuffle="full")
    assert "all jets are shuffled" in packing_log.text


def test_an_error_of_the_reading_thread_arrives(build, monkeypatch):
    packed = build("packed")

    def fail(jets: np.ndarray) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(packed.store, "batch", fail)
    with pytest.raises(RuntimeError, match="broken"):
        list(packed)


def test_a_resumed_training_keeps_its_order_on_a_machine_with_other_memory(store, jets, source, select, ask):
    selection = select(jets.rows)
    opened = PackedStore(store, selection)
    request = ask(source, selection, training=True, batch_size=7)
    first = PackedBatches(opened, replace(request, shuffle="blocks", max_memory=2000))
    whole = [batch.rows.tolist() for batch in first]
    assert whole != [batch.rows.tolist() for batch in PackedBatches(opened, request)]
    first.load_state_dict({"epoch": 0, "batch": 2})
    resumed = PackedBatches(opened, request)
    resumed.load_state_dict(first.state_dict())
    assert [batch.rows.tolist() for batch in resumed] == whole[2:]

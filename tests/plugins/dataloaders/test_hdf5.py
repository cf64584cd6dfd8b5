"""The order in which the hdf5 loader gives batches, on one rank and on several."""

from __future__ import annotations

import itertools
import multiprocessing

import pytest

from salt_core.errors import ConfigError, DataError
from salt_core.interfaces.dataloader import LoadRequest, Position, Selection
from salt_plugins.dataloaders.hdf5.loader import Hdf5

SELECTION = Selection(
    "jets",
    {"jets": ("pt",), "tracks": ("d0",)},
    {"jets": ("event",)},
    {"jets": "jets", "tracks": "tracks"},
    {},
)


@pytest.fixture
def loader(sample):
    def build(**changes):
        given = {"files": (sample.file("train"),), "selection": SELECTION, "batch_size": 15, "seed": 3}
        return Hdf5().build(LoadRequest(**{**given, **changes}))

    return build


def rows(batches):
    return [sorted(batch.rows.tolist()) for batch in batches]


def test_evaluation_is_in_file_order_with_the_last_partial_batch(loader):
    evaluation = loader()
    found = rows(evaluation)
    assert [row for batch in found for row in batch] == list(range(100))
    assert [len(batch) for batch in found] == [15] * 6 + [10]
    assert len(evaluation) == 7


def test_an_evaluation_that_stopped_early_begins_anew(loader):
    evaluation = loader()
    list(itertools.islice(evaluation, 2))
    assert rows(evaluation)[0] == list(range(15))


def test_training_shuffles_contiguous_batches_of_equal_size_without_leaving_a_jet_out(loader):
    training = loader(training=True)
    found = rows(training)
    assert [len(batch) for batch in sorted(found)] == [14, 14, 14, 15, 14, 14, 15]
    assert len(training) == 7
    assert [row for batch in sorted(found) for row in batch] == list(range(100))
    assert found != sorted(found)


def test_training_in_the_order_of_the_file(loader):
    training = loader(training=True, shuffle="none")
    assert [rows(training), rows(training)] == [sorted(rows(loader(training=True)))] * 2


def test_jets_cannot_be_shuffled_one_by_one(loader):
    with pytest.raises(ConfigError, match=r"data\.shuffle: .*--data\.loader packed"):
        loader(training=True, shuffle="full")


def test_every_epoch_has_its_own_order_and_the_seed_fixes_it(loader):
    training = loader(training=True)
    first, second = rows(training), rows(training)
    assert first != second
    again = loader(training=True)
    assert [rows(again), rows(again)] == [first, second]
    assert rows(loader(training=True, seed=4)) != first


@pytest.mark.parametrize("workers", [0, 2])
def test_it_goes_on_where_it_was(loader, workers):
    whole = loader(training=True)
    expected = [*rows(whole), *rows(whole)]
    first = loader(training=True, num_workers=workers)
    done = rows(itertools.islice(first, 4))
    state = first.state_dict()
    second = loader(training=True, num_workers=workers)
    second.load_state_dict(state)
    assert [*done, *rows(second), *rows(second)] == expected


def test_an_epoch_is_over_with_its_last_batch(loader):
    """A trainer that knows the length takes no step beyond it."""
    expected = loader(training=True)
    epochs = [rows(expected), rows(expected)]
    training = loader(training=True)
    found = [rows(itertools.islice(training, len(training))) for _ in range(2)]
    assert found == epochs


def test_the_trainers_position_counts(loader):
    expected = loader(training=True)
    rows(expected)
    wanted = rows(expected)[2:]
    assert rows(loader(training=True, position=lambda: Position(1, 2))) == wanted


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_ranks_train_on_every_jet_once_in_equally_many_steps(loader, world_size):
    ranks = [loader(training=True, rank=rank, world_size=world_size) for rank in range(world_size)]
    found = [rows(rank) for rank in ranks]
    assert {len(batches) for batches in found} == {-(-100 // (15 * world_size))}
    assert sorted(row for batches in found for batch in batches for row in batch) == list(range(100))


@pytest.mark.parametrize("world_size", [2, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 15, 1000])
def test_ranks_evaluate_every_jet_once_in_equally_many_steps(loader, world_size, batch_size):
    ranks = [loader(rank=rank, world_size=world_size, batch_size=batch_size) for rank in range(world_size)]
    found = [rows(rank) for rank in ranks]
    assert len({len(batches) for batches in found}) == 1
    assert all(batch for batches in found for batch in batches)
    assert sorted(row for batches in found for batch in batches for row in batch) == list(range(100))


def test_fewer_jets_than_a_batch_are_one_batch(loader):
    assert rows(loader(training=True, batch_size=1000)) == [list(range(100))]


def test_limited_jets(loader):
    assert [row for batch in rows(loader(num_jets=20)) for row in batch] == list(range(20))


def test_too_few_jets_for_the_devices(loader):
    with pytest.raises(ConfigError, match=r"3 jets .* too few for 4 devices"):
        loader(training=True, num_jets=3, world_size=4)


@pytest.fixture
def spawned():
    """Have processes started anew, as on macOS, rather than forked."""
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


def test_workers_that_are_not_forked(loader, spawned):
    """A lambda, like the trainer, cannot be sent to a worker."""
    training = loader(training=True, num_workers=1, position=lambda: Position(0, 4))
    assert rows(training) == rows(loader(training=True))[4:]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_a_worker_arrives_as_it_is(loader, sample, workers):
    batches = loader(num_workers=workers)
    sample.file("train").write_bytes(sample.file("train").read_bytes()[:-8000])
    with pytest.raises(DataError, match=r"train\.h5"):
        list(batches)

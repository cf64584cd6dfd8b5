"""`check_dataloader` sees each clause that is broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from salt_core import Dataloader
from salt_core.interfaces.dataloader import Contents, Position
from salt_core.registry import Registry
from salt_core.testing import check_dataloader, pick

HDF5 = Registry.discover().resolve("dataloader", "hdf5")


class Changed:
    """Batches of another loader, each changed."""

    def __init__(self, inner, change):
        self.inner, self.change = inner, change

    def __len__(self):
        return len(self.inner)

    def __iter__(self):
        return map(self.change, self.inner)

    def state_dict(self):
        return self.inner.state_dict()

    def load_state_dict(self, state):
        self.inner.load_state_dict(state)


class Right(Dataloader):
    """Reads as `hdf5` does; the others break a clause each."""

    def build(self, request):
        return Changed(HDF5().build(self.asked(request)), self.changed)

    def asked(self, request):
        return request

    def changed(self, batch):
        return batch


class NoColumns(Right):
    def contents(self, request):
        return Contents(50, {}, {})


class WrongNumber(Right):
    def contents(self, request):
        return Contents(49, {}, {})


class Refuses(Right):
    def check(self, request):
        raise NotImplementedError("not yet")


class WrongLength(Right):
    def build(self, request):
        built = super().build(request)
        built.__class__ = type("Longer", (Changed,), {"__len__": lambda self: len(self.inner) + 1})
        return built


class TooLarge(Right):
    def asked(self, request):
        return replace(request, batch_size=20)


class GivesTensors(Right):
    def changed(self, batch):
        return batch.x


class Unsorted(Right):
    def changed(self, batch):
        return pick(batch, range(batch.num_jets)[::-1])


class Doubles(Right):
    def changed(self, batch):
        return replace(batch, x=batch.x.double())


class ManyColumns(Right):
    def changed(self, batch):
        return replace(batch, columns={**batch.columns, "jets": {**batch.raw("jets"), "more": batch.x[:, 0]}})


class OtherValues(Right):
    def changed(self, batch):
        return replace(batch, x=batch.x.flip(1))


class InvalidOnes(Right):
    def changed(self, batch):
        tracks = batch.streams["tracks"]
        return replace(batch, streams={"tracks": tracks.with_x(tracks.x / 0)})


class AlwaysShuffles(Right):
    def asked(self, request):
        return replace(request, training=True)


class ReadsAll(Right):
    def asked(self, request):
        return replace(request, num_jets=-1)


class EachRankAll(Right):
    def asked(self, request):
        return replace(request, rank=0, world_size=1)


class OwnSeed(Right):
    def asked(self, request):
        return replace(request, seed=int(np.random.default_rng().integers(1000)))


class NeverShuffles(Right):
    def asked(self, request):
        return replace(request, shuffle="none")


class AlwaysBlocks(Right):
    def asked(self, request):
        return replace(request, shuffle="blocks")


class StartsAgain(Right):
    def build(self, request):
        built = super().build(request)
        built.load_state_dict = lambda state: None
        return built


class NoPosition(Right):
    def asked(self, request):
        return replace(request, position=(lambda: Position(0, 0)) if request.position else None)


@pytest.mark.parametrize(
    ("loader", "clause", "seen"),
    [
        (WrongNumber(), "contents tells how many jets", "it tells 49 jets of 50"),
        (NoColumns(), "contents tells", "jets lacks eta, flavour_label, pt"),
        (Refuses(), "check accepts a plain request", "it raised NotImplementedError: not yet"),
        (WrongLength(), "build gives a sized iterable", "it says 8"),
        (GivesTensors(), "build gives a sized iterable of batches", "it gives a Tensor"),
        (TooLarge(), "batch_size jets at most, here 8", "one has 20"),
        (Unsorted(), "sorted by their total number of constituents", "those of batch 0 are not"),
        (Doubles(), "as 32-bit floats", "x has torch.float64"),
        (ManyColumns(), "holds the columns of the selection, and no others", "'more'"),
        (OtherValues(), "a column that is a variable too", "jets/pt differs from feature 1"),
        (InvalidOnes(), "features are finite", "values of the features of tracks are not finite"),
        (AlwaysShuffles(), "all jets come in the order of the files", "the rows are"),
        (ReadsAll(), "num_jets takes jets from the start alone", "for 10, the rows are [0, 1, 2"),
        (EachRankAll(), "every jet comes once an epoch over all ranks", "100 came, 50 different ones of 50"),
        (OwnSeed(), "the order is a function of seed and epoch", "different orders in epoch 0"),
        (NeverShuffles(), "training is shuffled", "epochs 0 and 1 have the same order"),
        (AlwaysBlocks(), "shuffle: none keeps the order of the files", "the rows are"),
        (StartsAgain(), "a state goes on where it was told", "batches, not"),
        (NoPosition(), "position, where it is given", "batches, not"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Dataloader) else "",
)
def test_a_broken_clause_is_told(loader, clause, seen, broken, tmp_path):
    clauses = broken(lambda: check_dataloader(loader, tmp_path))
    assert any(clause in told and seen in told for told in clauses), clauses


def test_an_order_of_chance_is_told_once(broken, tmp_path):
    (clause,) = [told for told in broken(lambda: check_dataloader(OwnSeed(), tmp_path)) if "order" in told]
    assert clause.startswith("the order is a function of seed and epoch")


def test_a_right_one_passes(tmp_path):
    check_dataloader(Right(), tmp_path)

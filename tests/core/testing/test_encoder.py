"""`check_encoder` sees each clause that is broken, and no other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import nn

from salt_core import Encoded, Encoder, Packed
from salt_core.testing import check_encoder


class Mean(Encoder):
    """Averages over constituents."""

    def __init__(self, size: int = 4) -> None:
        super().__init__()
        self.size = size

    def build(self, data):
        self.nets = nn.ModuleDict({name: nn.Linear(data.size(name), self.size) for name in data.streams})
        pooled = data.size(data.global_object) + self.size * len(data.streams)
        return Encoded(pooled, dict.fromkeys(data.streams, self.size))

    def encode(self, batch):
        return {
            name: packed.with_x(self.nets[name](packed.x).relu()) for name, packed in batch.streams.items()
        }

    def pool(self, streams, batch):
        return torch.cat([batch.x, *(self.mean(packed) for packed in streams.values())], dim=1)

    def mean(self, packed):
        sums = packed.x.new_zeros(packed.layout.num_jets, packed.x.shape[1])
        sums = sums.index_add(0, packed.layout.jet_index, packed.x)
        return sums / packed.layout.lengths.clamp(min=1)[:, None]


class AsksForNobody(Mean):
    def columns(self):
        return {"muons": ["pt"]}


class AsksForText(Mean):
    def columns(self):
        return {"jets": "pt"}


class MadeEarly(Mean):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def pool(self, streams, batch):
        return self.scale * super().pool(streams, batch)


class TellsNothing(Mean):
    def build(self, data):
        super().build(data)


class DrawsElsewhere(Mean):
    def build(self, data):
        encoded = super().build(data)
        with torch.no_grad():
            self.nets["tracks"].bias += float(np.random.default_rng().normal())
        return encoded


class WrongSize(Mean):
    def build(self, data):
        return Encoded(super().build(data).pooled, {"tracks": 99})


class WrongPool(Mean):
    def build(self, data):
        return Encoded(99, super().build(data).streams)


class NotFinite(Mean):
    def mean(self, packed):
        return super().mean(packed) / packed.layout.lengths[:, None]


class Restless(Mean):
    def pool(self, streams, batch):
        return super().pool(streams, batch) + torch.rand(1)


class LooksAside(Mean):
    def pool(self, streams, batch):
        pooled = super().pool(streams, batch)
        return pooled + pooled.mean(0)


class CountsJets(Mean):
    """Sees the place of a jet among those that have constituents, and not that of a single one."""

    def pool(self, streams, batch):
        place = torch.arange(batch.num_jets)[:, None] * (batch.num_jets > 1)
        return super().pool(streams, batch) + place


class NeedsConstituents(Mean):
    def mean(self, packed):
        if not len(packed.x):
            raise IndexError("no constituent")
        return super().mean(packed)


class NeedsTwoJets(Mean):
    def pool(self, streams, batch):
        pooled = super().pool(streams, batch)
        return pooled if batch.num_jets > 1 else pooled[0]


class Idle(Mean):
    def build(self, data):
        encoded = super().build(data)
        self.idle = nn.Linear(2, 2)
        return encoded


class IdleWhereEmpty(Mean):
    def encode(self, batch):
        if not len(batch.streams["tracks"].x):
            return {"tracks": batch.streams["tracks"].with_x(torch.zeros(0, self.size, requires_grad=True))}
        return super().encode(batch)


class InPlace(Mean):
    def encode(self, batch):
        batch.streams["tracks"].x.mul_(1.5)
        return super().encode(batch)


class Recounts(Mean):
    def pool(self, streams, batch):
        pooled = super().pool(streams, batch)
        batch.streams["tracks"].layout.lengths.clamp_(max=3)
        return pooled


class CompilesOthers(Mean):
    def compiled_parts(self):
        return [nn.Linear(1, 1)]


class LosesState(Mean):
    def state_dict(self, *args, **kwargs):
        return {name: value * 2 for name, value in super().state_dict(*args, **kwargs).items()}


class TracksByName(Mean):
    def encode(self, batch) -> Mapping[str, Packed]:
        return {"trax": super().encode(batch)["tracks"]}


@pytest.mark.parametrize(
    ("encoder", "clause", "seen"),
    [
        (
            AsksForNobody(),
            "columns() names columns by object",
            "no object 'muons' here; objects: jets, tracks",
        ),
        (AsksForText(), "columns() names columns by object", "the columns of 'jets' are 'pt'"),
        (MadeEarly(), "__init__ takes choices only", "before build there is already scale"),
        (TellsNothing(), "build(data) makes it and returns Encoded", "it returns a NoneType"),
        (DrawsElsewhere(), "build draws from torch's generators alone", "nets.tracks.bias is another one"),
        (TracksByName(), "encode gives every stream that build has told", "encode gives ['trax']"),
        (
            WrongSize(),
            "encode gives every stream that build has told",
            "tracks has shape (14, 4), not (14, 99)",
        ),
        (WrongPool(), "pool gives one vector per jet", "the result has shape (8, 6), not (8, 99)"),
        (NotFinite(), "what it gives is finite", "8 of 48 values of the jets' vectors are not finite"),
        (Restless(), "the same batch gives the same answer", "the vector of the jets differs by up to"),
        (LooksAside(), "does not depend on the other jets", "the vector of jet 0 differs by up to"),
        (
            CountsJets(),
            "does not depend on the order of the jets",
            "the vector of the jets differs by up to 1",
        ),
        (
            NeedsConstituents(),
            "a batch without any constituent works",
            "it raised IndexError: no constituent",
        ),
        (NeedsTwoJets(), "a jet's answer does not depend", "has shape (6,), not (1, 6)"),
        (Idle(), "gradients are finite and reach every parameter", "none reaches idle.weight, idle.bias"),
        (IdleWhereEmpty(), "or the ranks of a training wait forever", "no gradient reaches nets.tracks.bias"),
        (InPlace(), "never changed in place", "batch.streams['tracks'].x is changed in place"),
        (Recounts(), "never changed in place", "batch.streams['tracks'].layout.lengths is changed in place"),
        (CompilesOthers(), "compiled_parts() names parts of it", "Linear is none"),
        (LosesState(), "a state_dict that is loaded again", "nets.tracks.weight is another one"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Encoder) else "",
)
def test_a_broken_clause_is_told(encoder, clause, seen, broken):
    clauses = broken(lambda: check_encoder(encoder))
    assert any(clause in told and seen in told for told in clauses), clauses


def test_a_right_one_passes_and_stays_as_it_is():
    encoder = Mean()
    check_encoder(encoder)
    assert list(encoder.parameters()) == []


def test_several_clauses_are_told_together(broken):
    class Both(Idle, CompilesOthers):
        pass

    assert len(broken(lambda: check_encoder(Both()))) == 2

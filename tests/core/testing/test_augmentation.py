"""`check_augmentation` sees each clause that is broken."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from torch import nn

from salt_core import Augmentation
from salt_core.testing import check_augmentation


class Flip(Augmentation):
    """Turns the signs of the jets' variables around, at random."""

    def build(self, data):
        self.register_buffer("signs", torch.ones(data.size("jets")), persistent=False)

    def forward(self, batch):
        turned = torch.rand(batch.num_jets, 1) < 0.5
        return replace(batch, x=torch.where(turned, -batch.x, batch.x) * self.signs)


class NeedsMuons(Flip):
    def build(self, data):
        self.muons = data.variables["muons"]


class Learns(Flip):
    def build(self, data):
        super().build(data)
        self.scale = nn.Parameter(torch.ones(1))


class Keeps(Flip):
    def build(self, data):
        self.register_buffer("signs", torch.ones(data.size("jets")))


class GivesNone(Flip):
    def forward(self, batch):
        pass


class DropsColumns(Flip):
    def forward(self, batch):
        return replace(batch, columns={})


class DropsTracks(Flip):
    """Takes constituents away, and forgets their raw columns."""

    def forward(self, batch):
        tracks = batch.streams["tracks"]
        kept = tracks.layout.slot < 2
        layout = type(tracks.layout).of(tracks.layout.host_lengths.clip(max=2))
        return replace(batch, streams={"tracks": type(tracks)(tracks.x[kept], layout)})


class Shuffles(Flip):
    def forward(self, batch):
        from salt_core.testing import pick

        return pick(batch, range(batch.num_jets)[::-1])


class NotFinite(Flip):
    def forward(self, batch):
        return replace(batch, x=batch.x / 0.0)


class InPlace(Flip):
    def forward(self, batch):
        batch.x.neg_()
        return batch


class DrawsElsewhere(Flip):
    def forward(self, batch):
        return replace(batch, x=batch.x * random.random())


class NeedsTracks(Flip):
    def forward(self, batch):
        if not len(batch.streams["tracks"].x):
            raise ValueError("there is no track")
        return super().forward(batch)


@pytest.mark.parametrize(
    ("augmentation", "clause", "seen"),
    [
        (NeedsMuons(), "build(data) makes it", "it raised KeyError: 'muons'"),
        (Learns(), "it has no parameters", "it keeps scale"),
        (Keeps(), "buffers with persistent=False", "it keeps signs"),
        (GivesNone(), "it gives a JetBatch", "it gives a NoneType"),
        (
            DropsColumns(),
            "with all their objects, variables and raw columns",
            "it lacks raw('jets')['label']",
        ),
        (DropsTracks(), "with all their objects", "raw column tracks/label has 14 of 10 rows"),
        (Shuffles(), "with all their objects", "its jets are not sorted"),
        (NotFinite(), "what it gives is finite", "16 of 16 values of x are not finite"),
        (InPlace(), "it never changes a batch in place", "batch.x is changed in place"),
        (DrawsElsewhere(), "it draws from torch's generators alone", "x is another one"),
        (NeedsTracks(), "a batch without any constituent works", "it raised ValueError: there is no track"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Augmentation) else "",
)
def test_a_broken_clause_is_told(augmentation, clause, seen, broken):
    clauses = broken(lambda: check_augmentation(augmentation))
    assert any(clause in told and seen in told for told in clauses), clauses


def test_a_right_one_passes():
    check_augmentation(Flip())

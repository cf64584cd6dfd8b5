"""`check_task` sees each clause that is broken."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from salt_core import DataError, Task
from salt_core.distributed import mean_over_ranks
from salt_core.testing import check_task

LABELS = {"tracks": {"origin": ["pileup", "primary", "heavy"]}}


class Origin(Task):
    """Classifies tracks with one linear layer."""

    def columns(self):
        return {"tracks": ["origin"]}

    def build(self, encoded, data):
        self.class_names = data.class_names["tracks"]["origin"]
        self.net = nn.Linear(encoded.streams["tracks"], len(self.class_names))
        self.context = nn.Linear(encoded.pooled, len(self.class_names))

    def forward(self, pooled, streams, batch):
        packed = streams["tracks"]
        return self.net(packed.x) + packed.layout.spread(self.context(pooled))

    def loss(self, predictions, batch):
        values = F.cross_entropy(predictions, batch.raw("tracks")["origin"], reduction="none")
        return mean_over_ranks(values)

    def outputs(self, predictions, batch):
        shares = predictions.softmax(-1).unbind(-1)
        return {"tracks": dict(zip(self.class_names, shares, strict=True))}

    def true_classes(self, batch):
        return batch.raw("tracks").get("origin")


class AsksForText(Origin):
    def columns(self):
        return {"tracks": "origin"}


class MadeEarly(Origin):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))


class CannotBuild(Origin):
    def build(self, encoded, data):
        self.net = nn.Linear(encoded.streams["muons"], 2)


class GivesTwo(Origin):
    def forward(self, pooled, streams, batch):
        return super().forward(pooled, streams, batch), pooled


class Refuses(Origin):
    def check(self, batch):
        raise DataError("labels like these are none of mine")


class LossPerEntry(Origin):
    def loss(self, predictions, batch):
        return F.cross_entropy(predictions, batch.raw("tracks")["origin"], reduction="none")


class PlainMean(Origin):
    def loss(self, predictions, batch):
        return F.cross_entropy(predictions, batch.raw("tracks")["origin"])


class Negative(Origin):
    def loss(self, predictions, batch):
        return -super().loss(predictions, batch)


class Weighted(Origin):
    def loss(self, predictions, batch):
        return self.weight * super().loss(predictions, batch)


class Idle(Origin):
    def forward(self, pooled, streams, batch):
        return self.net(streams["tracks"].x)


class CutsOff(Origin):
    def forward(self, pooled, streams, batch):
        cut = {name: packed.with_x(packed.x.detach()) for name, packed in streams.items()}
        return super().forward(pooled.detach(), cut, batch)


class ToNobody(Origin):
    def outputs(self, predictions, batch):
        return {"trax": super().outputs(predictions, batch)["tracks"]}


class ForJets(Origin):
    def outputs(self, predictions, batch):
        return {"jets": super().outputs(predictions, batch)["tracks"]}


class Flat(Origin):
    def outputs(self, predictions, batch):
        return {"tracks": predictions}


class TellsOthers(Origin):
    def output_objects(self):
        return ["jets"]


class NeedsLabels(Origin):
    def outputs(self, predictions, batch):
        return {"tracks": {"truth": batch.raw("tracks")["origin"]}}


class LooksAside(Origin):
    def outputs(self, predictions, batch):
        return super().outputs(predictions - predictions.mean(0) * len(predictions), batch)


class CountsTracks(Origin):
    def outputs(self, predictions, batch):
        alone = batch.num_jets == 1
        place = torch.zeros(len(predictions)) if alone else torch.arange(float(len(predictions)))
        return {"tracks": {"place": predictions[:, 0] + place}}


class InPlace(Origin):
    def loss(self, predictions, batch):
        batch.raw("tracks")["origin"].clamp_(max=1)
        return super().loss(predictions, batch)


class LosesState(Origin):
    def load_state_dict(self, state, *args, **kwargs):
        pass


class FloatClasses(Origin):
    def true_classes(self, batch):
        return super().true_classes(batch).float()


class TooManyClasses(Origin):
    def build(self, encoded, data):
        super().build(encoded, data)
        self.class_names = ("one",)

    def outputs(self, predictions, batch):
        return {"tracks": {"p": predictions[:, 0]}}


class CompilesOthers(Origin):
    def compiled_parts(self):
        return [torch.nn.Linear(1, 1)]


class AlwaysKnows(Origin):
    def true_classes(self, batch):
        return torch.zeros(batch.num_jets, dtype=torch.int64)


@pytest.mark.parametrize(
    ("task", "clause", "seen"),
    [
        (AsksForText(), "columns() names columns by object", "the columns of 'tracks' are 'origin'"),
        (MadeEarly(), "__init__ takes choices only", "before build there is already bias"),
        (CannotBuild(), "build(encoded, data) makes it", "it raised KeyError: 'muons'"),
        (GivesTwo(), "forward predicts a tensor", "it gives something else"),
        (Refuses(), "check accepts labels", "it raised DataError: labels like these are none of mine"),
        (LossPerEntry(), "the loss is one finite number", "it has shape (14,), not ()"),
        (PlainMean(), "a batch without any constituent works", "1 of 1 values of the loss are not finite"),
        (Negative(), "the loss is 0 or more", "it is -"),
        (Weighted(), "leaves the task's weight out", "it differs by up to"),
        (
            Idle(),
            "gradients are finite and reach every parameter",
            "none reaches context.weight, context.bias",
        ),
        (CutsOff(), "gradients are finite and reach every parameter", "none reaches a vector of the encoder"),
        (Flat(), "outputs gives columns by object and name", "of an object it gives a Tensor"),
        (
            ToNobody(),
            "outputs go to objects that the data has",
            "there is no object trax; objects: jets, tracks",
        ),
        (ForJets(), "outputs have one value per jet", "jets/pileup has shape (14,), not (8,)"),
        (TellsOthers(), "output_objects names the objects", "it leaves out tracks"),
        (
            NeedsLabels(),
            "outputs need no columns but those of output_columns",
            "it raised KeyError: 'origin'",
        ),
        (LooksAside(), "outputs do not depend on the other jets", "tracks/pileup differs by up to"),
        (CountsTracks(), "outputs do not depend on the order", "tracks/place differs by up to"),
        (InPlace(), "never changed in place", "batch.raw('tracks')['origin'] is changed in place"),
        (CompilesOthers(), "compiled_parts() names parts of it", "Linear is none"),
        (LosesState(), "a state_dict that is loaded again", "net.weight is another one"),
        (FloatClasses(), "true_classes gives an index", "it gives torch.float32"),
        (TooManyClasses(), "true_classes gives an index", "it gives 2 for 1 class_names"),
        (AlwaysKnows(), "true_classes gives None where the batch has no labels", "it gives a Tensor"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Task) else "",
)
def test_a_broken_clause_is_told(task, clause, seen, broken):
    clauses = broken(lambda: check_task(task, LABELS))
    assert any(clause in told and seen in told for told in clauses), clauses


def test_a_right_one_passes():
    check_task(Origin(), LABELS)

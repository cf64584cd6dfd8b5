from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from salt_core import ConfigError, DataError, DataFacts, Encoded, JetBatch, Layout, Loss, Packed
from salt_core.nn.classes import probability_names
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
from salt_plugins.losses.cross_entropy.loss import CrossEntropy
from salt_plugins.losses.focal.loss import Focal
from salt_plugins.losses.mean_squared.loss import MeanSquared
from salt_plugins.tasks.classification.head import Classification

WEIGHTS = (0.5, 2.0, 3.0)
FACTS = DataFacts(
    "jets",
    {"jets": ("pt",), "tracks": ("d0",)},
    {},
    {},
    {"jets": {"flavour": ("bjets", "cjets", "taus")}},
    {"jets": {"flavour": WEIGHTS}, "tracks": {"origin": WEIGHTS}},
)
LENGTHS = [0, 2, 3]


def make_task(input_name="jets", label="flavour", loss=None, **options) -> Classification:
    torch.manual_seed(0)
    task = Classification(input_name, label, loss or CrossEntropy(), [5], **options)
    task.build(Encoded(4, {"tracks": 6}), FACTS)
    return task


def make_batch(flavour=(0, 1, 2), origin=(0, 1, 2, 0, 1), w=(1.0, 0.0, 3.0)) -> JetBatch:
    packed = Packed(torch.zeros(5, 1), Layout.of(np.array(LENGTHS)))
    jets = {"flavour": torch.tensor(flavour), "w": torch.tensor(w)}
    columns = {"jets": jets, "tracks": {"origin": torch.tensor(origin)}}
    return JetBatch("jets", torch.zeros(3, 1), {"tracks": packed}, columns, torch.tensor([70, 50, 60]))


def logits(rows: int) -> torch.Tensor:
    return torch.randn(rows, 3, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("weight", ["class_dict", None, [1.0, 4.0, 9.0]], ids=str)
@pytest.mark.parametrize("origin", [(0, 1, 2, 0, 1), (-1, 1, -2, 0, 1)], ids=str)
def test_the_loss_is_torchs(weight, origin):
    task = make_task("tracks", "origin", CrossEntropy(weight), class_names=["a", "b", "c"])
    batch, predictions = make_batch(origin=origin), logits(5)
    targets = torch.tensor(origin)
    factors = WEIGHTS if weight == "class_dict" else weight
    theirs = nn.CrossEntropyLoss(None if factors is None else torch.tensor(factors))
    labelled = targets >= 0
    torch.testing.assert_close(
        task.loss(predictions, batch), theirs(predictions[labelled], targets[labelled])
    )


def test_only_ignored_labels_give_no_loss_and_no_nan():
    task = make_task(loss=CrossEntropy("class_dict"))
    predictions = logits(3).requires_grad_()
    loss = task.loss(predictions, make_batch(flavour=(-1, -2, -1)))
    loss.backward()
    assert loss.item() == 0
    assert not predictions.grad.any()


def test_all_ignored_labels_become_one_index():
    assert make_task().label.indices(torch.tensor([2, -1, -2, 0])).tolist() == [2, -1, -1, 0]


def test_label_map():
    options = {"class_names": ["b", "c", "light"], "label_map": {5: 0, 4: 1, 0: 2, 1: 2, 15: 2}}
    task = make_task(**options)
    batch = make_batch(flavour=(15, 5, -1))
    task.check(batch)
    assert task.label.indices(torch.tensor([5, 4, 0, 1, 15, -1, -2, 7, 99])).tolist() == [
        0,
        1,
        2,
        2,
        2,
        -1,
        -1,
        -1,
        -1,
    ]
    predictions = logits(3)
    expected = nn.functional.cross_entropy(predictions[:2], torch.tensor([2, 0]))
    torch.testing.assert_close(task.loss(predictions, batch), expected)


def test_a_label_map_to_no_class():
    with pytest.raises(ConfigError, match=re.escape("4 is mapped to class 3, but the classes are 0 to 2 (b")):
        make_task(class_names=["b", "c", "light"], label_map={5: 0, 4: 3})


def test_class_names_come_from_the_file():
    assert make_task().label.class_names == ("bjets", "cjets", "taus")
    assert make_task(class_names=["x", "y"]).label.class_names == ("x", "y")
    with pytest.raises(ConfigError, match="no attribute that names the classes of label 'origin'"):
        make_task("tracks", "origin")


def test_check_names_label_value_row_and_range():
    task = make_task()
    task.check(make_batch(flavour=(-2, -1, 2)))
    with pytest.raises(DataError) as caught:
        task.check(make_batch(flavour=(0, 7, 3)))
    assert str(caught.value) == (
        "label jets/flavour holds 3, 7 (2 entries in this batch, the first in row 50 of the file); "
        "allowed: 0 (bjets), 1 (cjets), 2 (taus), and -1 or -2 for entries without a class"
    )


def test_check_names_the_row_of_a_constituents_jet():
    task = make_task("tracks", "origin", class_names=["a", "b", "c"])
    with pytest.raises(DataError, match=r"tracks/origin holds -3 \(1 entry .* row 60 of the file"):
        task.check(make_batch(origin=(0, 1, -3, 0, 1)))


def test_check_refuses_floats():
    with pytest.raises(DataError, match="label jets/flavour has floating-point values"):
        make_task().check(make_batch(flavour=(0.0, 1.0, 2.0)))


def test_flags_are_the_classes_0_and_1():
    task = make_task(class_names=["no", "yes"])
    flags, numbers = make_batch(flavour=(True, False, True)), make_batch(flavour=(1, 0, 1))
    task.check(flags)
    predictions = logits(3)[:, :2]
    assert torch.equal(task.loss(predictions, flags), task.loss(predictions, numbers))


def test_constituents_see_the_jet():
    task = make_task("tracks", "origin", class_names=["a", "b", "c"])
    batch = make_batch()
    streams = {"tracks": batch.streams["tracks"].with_x(torch.randn(5, 6))}
    pooled = torch.randn(3, 4)
    before = task(pooled, streams, batch)
    assert before.shape == (5, 3)
    pooled[2] += 1
    changed = (task(pooled, streams, batch) - before).abs().amax(1) > 1e-6
    assert changed.tolist() == [False, False, True, True, True]


def test_outputs_are_probabilities_by_the_fields_names():
    task = make_task()
    columns = task.outputs(logits(3), make_batch())["jets"]
    assert list(columns) == ["pb", "pc", "ptau"]
    torch.testing.assert_close(sum(columns.values()), torch.ones(3))
    torch.testing.assert_close(columns["pc"], logits(3).softmax(1)[:, 1])
    assert probability_names(["ujets", "pileup", "s"]) == ["pu", "ppileup", "ps"]


class MeanLoss(Loss):
    """A loss that gives no value per entry."""

    def forward(self, predictions, targets):
        return nn.functional.cross_entropy(predictions, targets)


@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_entries_have_weights(scale):
    task = make_task(sample_weight="w")
    assert task.columns() == {"jets": ["flavour", "w"]}
    values = nn.functional.cross_entropy(logits(3), torch.tensor([0, 1, 2]), reduction="none")
    batch = make_batch(w=(scale, 0.0, 3 * scale))
    torch.testing.assert_close(task.loss(logits(3), batch), (values[0] + 3 * values[2]) / 4)
    batch = make_batch(flavour=(0, 1, -1), w=(2.0, 3.0, 100.0))
    torch.testing.assert_close(task.loss(logits(3), batch), (2 * values[0] + 3 * values[1]) / 5)


@pytest.mark.parametrize("loss", [CrossEntropy(), CrossEntropy("class_dict", 0.1), Focal(2.0, "class_dict")])
@pytest.mark.parametrize("sample_weight", [None, "w"])
def test_two_ranks_are_one_on_both_batches(on_ranks, loss, sample_weight):
    task = make_task(loss=loss, sample_weight=sample_weight)
    labels, weights = ((0, 1, 2), (2, -1, -2)), ((1.0, 0.0, 3.0), (0.5, 2.0, 1.0))
    batches = [make_batch(flavour=label, w=weight) for label, weight in zip(labels, weights, strict=True)]
    found = [logits(3), 2 * logits(3)]
    whole = task.loss(torch.cat(found), make_batch(flavour=sum(labels, ()), w=sum(weights, ())))
    parts = on_ranks(*(lambda i=i: task.loss(found[i], batches[i]) for i in range(2)))
    torch.testing.assert_close(torch.stack(parts).mean(), whole)
    alone = torch.stack([task.loss(found[i], batches[i]) for i in range(2)]).mean()
    assert not torch.allclose(alone, whole)


def test_no_weight_at_all_gives_no_loss_and_no_nan():
    predictions = logits(3).requires_grad_()
    loss = make_task(sample_weight="w").loss(predictions, make_batch(w=(0.0, 0.0, 0.0)))
    loss.backward()
    assert loss.item() == 0
    assert not predictions.grad.any()


@pytest.mark.parametrize("bad", [-0.5, float("nan"), float("inf")])
def test_weights_that_are_none(bad):
    task = make_task(sample_weight="w")
    task.check(make_batch())
    with pytest.raises(DataError) as caught:
        task.check(make_batch(w=(1.0, bad, 1.0)))
    assert str(caught.value) == (
        f"weight jets/w holds {bad:g} (1 entry in this batch, in row 50 of the file); "
        "a weight is finite and not negative"
    )


def test_a_loss_without_values_takes_no_weights():
    batch = make_batch()
    expected = make_task().loss(logits(3), batch)
    torch.testing.assert_close(make_task(loss=MeanLoss()).loss(logits(3), batch), expected)
    with pytest.raises(ConfigError, match="entries are weighted, so the loss must give one value per entry"):
        make_task(loss=MeanLoss(), sample_weight="w").loss(logits(3), batch)


def test_two_classes_by_one_logit():
    names = {"class_names": ["light", "bjets"]}
    task = make_task(loss=BinaryCrossEntropy(), **names)
    batch = make_batch(flavour=(1, -1, 0))
    score = task(torch.randn(3, 4), {}, batch)
    assert score.shape == (3, 1)
    share = score.squeeze(-1).sigmoid()
    expected = -(share[0].log() + (1 - share[2]).log()) / 2
    torch.testing.assert_close(task.loss(score, batch), expected)
    written = task.outputs(score, batch)["jets"]
    torch.testing.assert_close(written, {"plight": 1 - share, "pb": share})
    both = torch.cat([torch.zeros(3, 1), score], 1)
    torch.testing.assert_close(make_task(**names).loss(both, batch), expected)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (BinaryCrossEntropy(), "binary_cross_entropy tells two classes apart, but label jets/flavour has 3"),
        (
            MeanSquared(),
            "MeanSquared compares predictions with numbers, and jets/flavour is given as classes",
        ),
    ],
)
def test_losses_that_do_not_fit(loss, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make_task(loss=loss)
    assert caught.value.where == "loss"


@pytest.mark.parametrize("loss", [CrossEntropy([1.0, 2.0, 3.0]), Focal(1.5)])
def test_gradients_are_those_of_finite_differences(loss):
    task, batch = make_task(loss=loss, sample_weight="w").double(), make_batch(flavour=(0, 2, -1))
    assert torch.autograd.gradcheck(lambda x: task.loss(x, batch), logits(3).double().requires_grad_())

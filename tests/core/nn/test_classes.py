from __future__ import annotations

import pytest
import torch

from salt_core import ConfigError, Target
from salt_core.nn.classes import ClassWeighted, probability_names

TARGET = Target("jets/flavour", ("bjets", "cjets"), (1.0, 3.0), "classes")


class Weighted(ClassWeighted):
    def forward(self, predictions, targets):
        return self.as_mean(predictions, targets)


@pytest.mark.parametrize(
    ("class_name", "column"),
    [
        ("bjets", "pb"),
        ("taus", "ptau"),
        ("FromB", "pFromB"),
        ("jets", "pjet"),
        ("s", "ps"),
        ("ghostbbjets", "pghostbb"),
    ],
)
def test_columns_are_called_as_in_the_field(class_name, column):
    assert probability_names([class_name]) == [column]


@pytest.mark.parametrize("weight", [[1.0, 3.0], "class_dict"])
def test_the_mean_is_divided_by_the_weights_of_the_classes(weight):
    loss = Weighted(weight)
    loss.prepare(TARGET)
    targets = torch.tensor([0, 1, 1])
    values = torch.tensor([2.0, 3.0, 3.0])
    assert loss(values, targets).mean().item() == pytest.approx(8 / 7)


def test_no_weights_leave_the_values_as_they_are():
    loss, values = Weighted(), torch.tensor([2.0, 3.0])
    loss.prepare(TARGET)
    assert loss(values, torch.tensor([0, 1])) is values


@pytest.mark.parametrize(
    ("weight", "target", "where", "message"),
    [
        ([1.0], TARGET, "weight", "1 class weights, but label jets/flavour has 2 classes: bjets, cjets"),
        ([1.0, 0.0], TARGET, "weight", "must be finite and positive"),
        ([1.0, float("inf")], TARGET, "weight", "must be finite and positive"),
        ("class_dict", Target("jets/flavour", ("b", "c")), "weight", "has no weights for label jets/flavour"),
        (
            "class_dict",
            Target("jets/flavour", ("b",), (1.0, 2.0)),
            "data.class_dict, jets/flavour",
            "2 class weights, but",
        ),
    ],
)
def test_weights_that_do_not_fit(weight, target, where, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Weighted(weight).prepare(target)
    assert caught.value.where == where

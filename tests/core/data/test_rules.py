"""Labels made of other columns."""

from __future__ import annotations

import pytest
import torch

from salt_core.data.rules import Case, CaseRule, Classes, ClassRule
from salt_core.errors import ConfigError, DataError

RAW = {
    "id": torch.tensor([5, 4, 0, 15, 21]),
    "pt": torch.tensor([10.0, 20.0, 30.0, 40.0, 50.0]),
    "other": torch.tensor([1, 2, 3, 4, 5]),
}
CLASSES = {"b": "id == 5", "c": ["id == 4", "pt > 0"], "light": ["id >= 0", "id < 4"], "any": "pt > 35"}


def test_the_first_class_that_fits():
    rule = ClassRule(Classes(CLASSES), "here")
    assert rule.columns == ("id", "pt")
    assert rule.values(RAW, required=True).tolist() == [0, 1, 2, 3, 3]
    assert rule.names == ("b", "c", "light", "any")


def test_entries_without_class():
    few = {"b": "id == 5", "high": "pt > 35"}
    assert ClassRule(Classes(few), "here").values(RAW, required=True).tolist() == [0, -1, -1, 1, 1]
    strict = ClassRule(Classes(few, require_labels=True), "here")
    assert strict.values(RAW, required=False).tolist() == [0, -1, -1, 1, 1]
    with pytest.raises(
        DataError, match=r"here: 2 entries .* no class \(b, high\), the first with id = 4, pt = 20"
    ):
        strict.values(RAW, required=True)


def test_the_first_case_that_holds():
    cases = [Case("pt", "id == 5"), Case("other", ["id > 3", "pt < 45"]), Case("pt", "id < 1")]
    rule = CaseRule(cases, "here")
    assert rule.columns == ("pt", "id", "other")
    made = rule.values(RAW, required=True)
    assert made.dtype == torch.float32
    assert made[:4].tolist() == [10, 2, 30, 4]
    assert made[4].isnan()


def test_integers_stay_integers():
    made = CaseRule([Case("other", "id == 5"), Case("id", "id == 4")], "here").values(RAW, required=True)
    assert made.dtype == torch.int64
    assert made.tolist() == [1, 4, -1, -1, -1]
    replaced = CaseRule([Case("other", "pt > 25"), Case("id")], "here").values(RAW, required=True)
    assert replaced.tolist() == [5, 4, 3, 4, 5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ClassRule(Classes({}), "here"), r"here\.classes: no class is left"),
        (lambda: ClassRule(Classes({"b": "id = 5"}), "here"), r"here\.classes\.b: 'id = 5' is no condition"),
        (lambda: ClassRule(Classes({"b": []}), "here"), r"here\.classes\.b: no condition is left"),
        (lambda: CaseRule([], "here"), "here: no case is left"),
        (lambda: CaseRule([Case("id"), Case("pt", "id 5")], "here"), r"here\[1\]\.where: 'id 5' is no"),
    ],
)
def test_what_cannot_be_used(make, message):
    with pytest.raises(ConfigError, match=message):
        make()

"""Conditions on columns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core.data.cuts import Cut, all_passed, cuts_of
from salt_core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a == 2", [False, True, False, False]),
        ("a != 2", [True, False, True, True]),
        ("a>=2", [False, True, True, False]),
        ("a <=2", [True, True, False, False]),
        (" a > 2.0 ", [False, False, True, False]),
        ("a< 2e0", [True, False, False, False]),
        ("a > -inf", [True, True, True, False]),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_each_sign(text, expected, kind):
    columns = {"a": kind([1.0, 2.0, 3.0, float("nan")])}
    assert Cut.of(text, "here").passes(columns).tolist() == expected


def test_large_integers_are_compared_exactly():
    columns = {"a": np.array([2**60, 2**60 + 1])}
    assert Cut.of(f"a == {2**60 + 1}", "").passes(columns).tolist() == [False, True]


def test_all_of_several():
    columns = {"a": np.arange(5), "b": np.array([0, 1, 0, 1, 0])}
    assert all_passed(cuts_of(["a > 0", "a < 4", "b == 0"], ""), columns).tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    "text", ["", "a", "a = 1", "a == b", "a == nan", "1 < a < 3", "a == ", "== 1", "a b > 1"]
)
def test_what_is_none_is_said_with_its_place(text):
    with pytest.raises(
        ConfigError, match=r"data\.selections\.jets: .*no condition; write COLUMN SIGN NUMBER"
    ):
        Cut.of(text, "data.selections.jets")

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataError, JetBatch, Layout, Packed
from salt_core.nn.targets import OPERATIONS, Scaling, TargetNorms, Targets, scalings_of

#: What each operation takes, and some of what it gives.
VALUES = {
    "linear": [-3.0, 0.0, 250.0],
    "log": [1e-3, 1.0, 5e5],
    "log1p": [-0.9, 0.0, 1e4],
    "exp": [-5.0, 0.0, 8.0],
    "sqrt": [0.0, 2.0, 900.0],
}
NUMPY = {"linear": np.positive, "log": np.log, "log1p": np.log1p, "exp": np.exp, "sqrt": np.sqrt}
D = torch.float64


def make_batch(jets=None, tracks=None) -> JetBatch:
    packed = Packed(torch.zeros(3, 1), Layout.of(np.array([0, 1, 2])))
    columns = {
        name: {key: torch.tensor(value) for key, value in (given or {}).items()}
        for name, given in (("jets", jets), ("tracks", tracks))
    }
    return JetBatch("jets", torch.zeros(3, 1), {"tracks": packed}, columns, torch.tensor([70, 50, 60]))


@pytest.mark.parametrize("op", OPERATIONS)
def test_scaling_and_back(op):
    scaling = Scaling(op, scale=2.5, offset=-0.75, denominator="pt")
    target, columns = torch.tensor(VALUES[op], dtype=D), {"pt": torch.tensor([0.5, 2.0, 4.0], dtype=D)}
    scaled = scaling.scaled(target * columns["pt"], columns)
    torch.testing.assert_close(scaled, torch.tensor((NUMPY[op](VALUES[op]) + 0.75) / 2.5, dtype=D))
    torch.testing.assert_close(scaling.restored(scaled, columns), target * columns["pt"])


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("denominator", [None, "pt"])
def test_widths_follow_the_slope(op, denominator):
    scaling = Scaling(op, scale=2.5, offset=0.1, denominator=denominator)
    columns = {"pt": torch.tensor([0.5, -2.0, 4.0], dtype=D)}
    mean, width = torch.tensor([0.3, 0.8, 1.7], dtype=D), torch.tensor([0.1, 0.2, 3.0], dtype=D)
    step = 1e-6
    up, down = (scaling.restored(mean + sign * step, columns) for sign in (1, -1))
    expected = width * ((up - down) / (2 * step)).abs()
    torch.testing.assert_close(scaling.restored_width(width, mean, columns), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("op", "least"), [("sqrt", 0.0), ("exp", np.log(1e-30))])
def test_predictions_that_the_operation_never_gives_are_taken_as_the_nearest_that_it_does(op, least):
    restored = Scaling(op).restored(torch.tensor([-3.0, -1e-3]), {})
    torch.testing.assert_close(restored, torch.full((2,), float(least)))


def test_the_three_ways():
    names = ["pt", "mass"]
    assert scalings_of(names, None, None, None) == (Scaling(), Scaling())
    assert scalings_of(names, ["a", "b"], None, None) == (Scaling(denominator="a"), Scaling(denominator="b"))
    assert scalings_of(names, "a", None, None) == (Scaling(denominator="a"), Scaling(denominator="a"))
    norms = TargetNorms([5.0, 6.0], [2.0, 3.0])
    assert scalings_of(names, None, norms, None) == (
        Scaling(scale=2.0, offset=5.0),
        Scaling("linear", 3.0, 6.0),
    )
    assert scalings_of(["pt"], None, TargetNorms(5.0, 2.0), None) == (Scaling(scale=2.0, offset=5.0),)
    functions = {"mass": {"op": "log", "scale": 2.0, "offset": 1.0}}
    assert scalings_of(names, None, None, functions) == (Scaling(), Scaling("log", 2.0, 1.0))
    assert scalings_of(names, None, None, {"pt": "sqrt"}) == (Scaling("sqrt"), Scaling())


@pytest.mark.parametrize(
    ("ways", "where", "message"),
    [
        (("d", TargetNorms(1.0, 2.0), None), "norm_params", "target_denominators and norm_params are given"),
        (
            (None, TargetNorms(1.0, 2.0), {}),
            "scaler",
            "targets are scaled in one way, and norm_params and scaler",
        ),
        ((["d"], None, None), "target_denominators", "1 given for 2 targets: pt, mass"),
        ((None, TargetNorms([1.0], [1.0, 2.0]), None), "norm_params.mean", "1 given for 2 targets: pt, mass"),
        ((None, TargetNorms([1.0, 2.0], 3.0), None), "norm_params.std", "1 given for 2 targets"),
        (
            (None, TargetNorms([1.0, 2.0], [3.0, 0.0]), None),
            "norm_params",
            "scale 0.0, offset 2.0: both must be",
        ),
        (
            (None, TargetNorms([1.0, float("nan")], [3.0, 1.0]), None),
            "norm_params",
            "offset nan: both must be",
        ),
        ((None, None, {"pt": "lg"}), "scaler.pt", "there is no operation 'lg'; did you mean 'log'"),
        ((None, None, {"pz": "log"}), "scaler", "there is no target 'pz'; Choices: mass, pt"),
        (
            (None, None, {"pt": {"op": "log", "shift": 1.0}}),
            "scaler.pt",
            "there is no 'shift'; Choices: offset",
        ),
        (
            (None, None, {"pt": {"scale": "log"}}),
            "scaler.pt",
            "scale and offset are numbers, got 'log' and 0.0",
        ),
        ((None, None, {"pt": {"scale": -1.0}}), "scaler.pt", "scale -1.0, offset 0.0: both must be finite"),
    ],
)
def test_ways_that_do_not_fit(ways, where, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        scalings_of(["pt", "mass"], *ways)
    assert caught.value.where == where


def test_integers_are_scaled_as_numbers():
    targets = Targets("jets", ["n"], [Scaling("log", denominator="d")])
    scaled = targets.scaled(make_batch({"n": [1, 2, 4], "d": [2, 2, 2]}))
    torch.testing.assert_close(scaled, torch.tensor([[0.5], [1.0], [2.0]]).log())


def test_missing_targets_stay_missing_and_are_no_fault():
    targets = Targets("jets", ["pt", "m"], [Scaling("log"), Scaling(denominator="d")])
    nan = float("nan")
    batch = make_batch({"pt": [1.0, nan, 2.0], "m": [nan, 1.0, 3.0], "d": [0.0, 2.0, 4.0]})
    targets.check(batch)
    assert targets.scaled(batch).isnan().tolist() == [[False, True], [True, False], [False, False]]


@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf")])
def test_a_denominator_that_is_none(bad):
    targets = Targets("jets", ["pt"], [Scaling(denominator="d")])
    with pytest.raises(DataError) as caught:
        targets.check(make_batch({"pt": [1.0, 2.0, 3.0], "d": [1.0, bad, bad]}))
    assert str(caught.value) == (
        f"jets/d, by which target pt is divided, holds {bad:g} (2 entries in this batch, the first in row 50 of "
        "the file); a denominator is finite and not 0 wherever there is a target"
    )


def test_an_integer_denominator_that_is_zero():
    targets = Targets("jets", ["pt"], [Scaling(denominator="d")])
    with pytest.raises(DataError, match=re.escape("holds 0 (1 entry in this batch, in row 60")):
        targets.check(make_batch({"pt": [1.0, 2.0, 3.0], "d": [1, 2, 0]}))


@pytest.mark.parametrize(
    ("op", "value", "said"),
    [
        ("linear", float("inf"), "cannot be scaled; allowed: finite values, and NaN"),
        ("log", 0.0, "cannot be scaled by log; allowed: finite values above 0, and NaN"),
        ("log", -2.0, "cannot be scaled by log"),
        ("log1p", -1.0, "cannot be scaled by log1p; allowed: finite values above -1"),
        ("sqrt", -0.5, "cannot be scaled by sqrt; allowed: finite values of 0 or more"),
        ("exp", 100.0, "cannot be scaled by exp; allowed: values up to 88"),
        ("exp", float("-inf"), "cannot be scaled by exp"),
    ],
)
def test_a_target_that_cannot_be_scaled(op, value, said):
    targets = Targets("tracks", ["z"], [Scaling(op)])
    with pytest.raises(DataError) as caught:
        targets.check(make_batch(tracks={"z": [1.0, value, float("nan")]}))
    start = f"target tracks/z holds {value:g} (1 entry in this batch, in row 60 of the file), which "
    assert str(caught.value).startswith(start + said)

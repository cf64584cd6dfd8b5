"""Parameters that a model is conditioned on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core.data.parameters import Parameter, uniform
from salt_core.errors import ConfigError


def test_uniform_numbers_are_uniform_and_of_their_row_alone():
    rows = np.arange(100_000)
    found = uniform(rows, 1, 2)
    assert found.min() >= 0
    assert found.max() < 1
    assert abs(found.mean() - 0.5) < 0.005
    counts, _ = np.histogram(found, bins=10, range=(0, 1))
    assert abs(counts - 10_000).max() < 500
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.02
    picked = np.array([7, 3, 99_999])
    assert np.array_equal(uniform(picked, 1, 2), found[picked])
    for seed, epoch in ((2, 2), (1, 3)):
        assert abs(np.corrcoef(found, uniform(rows, seed, epoch))[0, 1]) < 0.02


def test_a_jet_s_own_value_stays_and_the_others_are_drawn():
    parameter = Parameter([5.0, 20.0, 50.0], test=40.0, probabilities=[1, 0, 3], missing=-1)
    rows = torch.arange(4000)
    values = torch.full((4000,), 12.0)
    values[::2] = torch.nan
    values[::4] = -1
    filled = parameter.filled(values, rows, seed=1, epoch=0)
    assert (filled[1::2] == 12).all()
    drawn = filled[::2]
    assert set(drawn.tolist()) == {5.0, 50.0}
    assert abs((drawn == 50).float().mean() - 0.75) < 0.04
    assert torch.equal(filled, parameter.filled(values, rows, seed=1, epoch=0))
    assert not torch.equal(filled, parameter.filled(values, rows, seed=1, epoch=1))


def test_scale():
    assert Parameter([1.0, 3.0], 2.0).scale == (2.0, 1.0)
    mean, std = Parameter([0.0, 10.0], 2.0, probabilities=[3, 1]).scale
    assert (mean, std) == (2.5, pytest.approx(np.sqrt(0.75 * 6.25 + 0.25 * 56.25)))
    assert Parameter([4.0, 4.0], 2.0).scale == (4.0, 1.0)


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (Parameter([], 1.0), "p: train"),
        (Parameter([1.0, float("inf")], 1.0), "finite"),
        (Parameter([1.0], float("nan")), "finite"),
        (Parameter([1.0, 2.0], 1.0, [1.0]), r"p\.probabilities: 1 probabilities for 2 values"),
        (Parameter([1.0, 2.0], 1.0, [0.0, 0.0]), "no frequencies"),
        (Parameter([1.0, 2.0], 1.0, [-1.0, 2.0]), "no frequencies"),
    ],
)
def test_what_cannot_be_used(parameter, message):
    with pytest.raises(ConfigError, match=message):
        parameter.check("p")

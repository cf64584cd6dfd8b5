from __future__ import annotations

import math

import pytest
import torch

from salt_core import ConfigError
from salt_core.nn.positions import PositionalEncoder, PositionalEncoding


def test_sines_and_cosines_of_the_chosen_columns_are_joined():
    encoder = PositionalEncoder(
        PositionalEncoding(["phi", "d0"], dim=6, max_frequency=100), ("d0", "z0", "phi")
    )
    x = torch.tensor([[0.5, 2.0, -1.5], [0.1, 0.0, 0.7]], dtype=torch.float64)
    encoded = encoder(x)
    assert encoder.size == 12
    for row, given in zip(encoded.tolist(), x.tolist(), strict=True):
        phases = [w * given[column] for column in (2, 0) for w in (1, 10, 100)]
        wanted = [*given, *map(math.sin, phases), *map(math.cos, phases)]
        assert row == pytest.approx(wanted, abs=1e-5)  # frequencies are kept in float32


def test_one_frequency():
    encoder = PositionalEncoder(PositionalEncoding(["d0"], dim=2), ("d0",))
    assert encoder(torch.tensor([[0.5]])).tolist() == [
        [0.5, *map(pytest.approx, (math.sin(0.5), math.cos(0.5)))]
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (PositionalEncoding(["d1"]), r"variables: 'd1' is no input variable; Choices: d0, z0"),
        (PositionalEncoding(["d0"], dim=5), "dim: 5 does not divide into sines and cosines"),
        (PositionalEncoding(["d0"], dim=0), "dim: 0 does not"),
        (PositionalEncoding(["d0"], max_frequency=0.5), "max_frequency: 0.5 is below the lowest"),
        (PositionalEncoding(["d0"], max_frequency=math.nan), "max_frequency: nan is below the lowest"),
    ],
    ids=str,
)
def test_what_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PositionalEncoder(options, ("d0", "z0"))

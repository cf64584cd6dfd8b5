from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts, JetBatch, Layout
from salt_core.nn.conditions import Conditions, Film


def facts(**parameters: tuple[float, float]) -> DataFacts:
    return DataFacts("jets", {"jets": ("pt",)}, {}, {}, {}, {}, parameters)


def batch_with(**columns: torch.Tensor) -> JetBatch:
    return JetBatch("jets", torch.zeros(3, 1), {}, {"jets": columns}, torch.arange(3))


def test_values_are_normalised_in_the_order_of_the_configuration():
    conditions = Conditions(facts(mass=(100.0, 50.0), charge=(0.0, 2.0)))
    batch = batch_with(charge=torch.tensor([-1, 0, 1]), mass=torch.tensor([50.0, 100.0, 200.0]))
    assert conditions.size == 2
    assert conditions(batch).tolist() == [[-1.0, -0.5], [0.0, 0.0], [2.0, 0.5]]


def test_without_parameters_there_is_nothing_and_no_weight():
    conditions = Conditions(facts())
    assert conditions(batch_with()).shape == (3, 0)
    assert dict(conditions.state_dict()) == {}
    assert dict(Conditions(facts(mass=(0.0, 1.0))).state_dict()) == {}


def test_film_starts_as_the_identity_and_acts_on_each_jet_by_its_condition():
    torch.manual_seed(0)
    film, layout = Film(2, 4), Layout.of(np.array([2, 0, 3]))
    x, conditions = torch.randn(5, 4), torch.randn(3, 2)
    assert torch.equal(film(x, conditions, layout), x)
    with torch.no_grad():
        film.net.layers[-1].weight.normal_()
        film.net.layers[-1].bias.normal_()
    for row, jet in enumerate([0, 0, 2, 2, 2]):
        both = film.net(conditions[jet])
        torch.testing.assert_close(film(x, conditions, layout)[row], x[row] * (1 + both[:4]) + both[4:])


def test_film_without_a_condition_is_refused():
    with pytest.raises(ConfigError, match=r"conditioning: featurewise needs .* data\.parameters names none"):
        Film(0, 4)

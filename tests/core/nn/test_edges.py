from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from salt_core import ConfigError, Layout
from salt_core.nn.edges import CENTRE_AND_WIDTH, FLOOR, EdgeBias, EdgeColumns, Momenta, edge_features
from salt_core.nn.pairs import Pairs

ALL = ("dR", "kT", "z", "isSelfLoop", "mass")


def momenta_of(pt, eta, phi) -> Momenta:
    raw = {"pt": pt, "eta": eta, "phi": phi}
    return Momenta.of({name: torch.tensor(x) for name, x in raw.items()}, EdgeColumns(), 1.0)


def feature(name: str, momenta: Momenta) -> float:
    """Return one feature of constituents 0 and 1, not centred, not scaled, and no logarithm."""
    value = edge_features(momenta, Pairs(torch.tensor([0]), torch.tensor([1])), [name]).item()
    centre, width = CENTRE_AND_WIDTH[name]
    return math.exp(value * width + centre)


def test_features_against_four_vectors():
    rng = np.random.default_rng(1)
    columns = rng.exponential(5.0, (3, 2)), rng.normal(size=(3, 2)), rng.uniform(-3, 3, (3, 2))
    for pt, eta, phi in zip(*columns, strict=True):
        p = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
        energy = pt * np.cosh(eta)
        mass = energy.sum() ** 2 - (p.sum(1) ** 2).sum()
        turn = abs(phi[0] - phi[1])
        angle = np.hypot(eta[0] - eta[1], min(turn, 2 * np.pi - turn))
        momenta = momenta_of(pt, eta, phi)
        assert feature("mass", momenta) == pytest.approx(mass, rel=1e-5)
        assert feature("dR", momenta) == pytest.approx(angle, rel=1e-5)
        assert feature("kT", momenta) == pytest.approx(pt.min() * angle, rel=1e-5)
        assert feature("z", momenta) == pytest.approx(pt.min() / pt.sum(), rel=1e-5)


def test_the_mass_of_close_constituents_keeps_its_digits():
    momenta = momenta_of([100.0, 100.0], [2.0, 2.001], [1.0, 1.0])
    assert feature("mass", momenta) == pytest.approx(100.0**2 * 1e-3**2, rel=1e-3)


@pytest.mark.parametrize("phi", [[3.1, -3.1], [3.1, -3.1 + 4 * math.pi], [-3.1, 3.1]], ids=str)
def test_phi_goes_round(phi):
    momenta = momenta_of([1.0, 1.0], [0.0, 0.0], phi)
    assert feature("dR", momenta) == pytest.approx(2 * (math.pi - 3.1), rel=1e-5)
    assert feature("mass", momenta) == pytest.approx(2 - 2 * math.cos(6.2), rel=1e-4)


def test_features_are_named_ordered_and_do_not_depend_on_which_is_first():
    generator = torch.Generator().manual_seed(2)
    momenta = Momenta(*torch.rand(3, 4, generator=generator))
    first, second = torch.tensor([0, 1, 3]), torch.tensor([2, 1, 2])
    whole = edge_features(momenta, Pairs(first, second), ALL)
    assert whole.shape == (3, 5)
    assert whole[:, 3].tolist() == [0, 1, 0]
    torch.testing.assert_close(edge_features(momenta, Pairs(second, first), ALL), whole)
    some = edge_features(momenta, Pairs(first, second), ["mass", "dR"])
    assert torch.equal(some, whole[:, [4, 0]])


@pytest.mark.parametrize(
    "momenta",
    [
        momenta_of([2.0, 2.0], [1.0, 1.0], [0.5, 0.5]),
        momenta_of([0.0, 0.0], [1.0, 1.0], [0.5, 0.4]),
        momenta_of([0.0, 3.0], [1.0, 1.0], [0.5, 0.4]),
        momenta_of([-1.0, 3.0], [1.0, 1.0], [0.5, 0.4]),
        momenta_of([math.inf, 3.0], [math.inf, -math.inf], [0.5, 0.4]),
    ],
    ids=["identical", "no momentum", "one without", "negative", "infinite"],
)
def test_features_are_finite_and_of_order_ten_at_most(momenta):
    pairs = Pairs.of(Layout.of(np.array([2])))
    features = edge_features(momenta, pairs, ALL)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()
    assert features.abs().max() < 20


def test_a_constituent_and_itself_lie_at_the_floor():
    pairs = Pairs(torch.tensor([0]), torch.tensor([0]))
    features = edge_features(momenta_of([5.0], [1.0], [1.0]), pairs, ALL)[0]
    expected = [
        (math.log(value) - CENTRE_AND_WIDTH[name][0]) / CENTRE_AND_WIDTH[name][1]
        for name, value in (("dR", FLOOR), ("kT", FLOOR), ("z", 0.5), ("mass", FLOOR**2))
    ]
    assert features[[0, 1, 2, 4]].tolist() == pytest.approx(expected, rel=1e-5)
    assert features[3] == 1


def test_columns_and_units_are_those_named():
    raw = {"p": torch.tensor([2000.0], dtype=torch.float64), "y": torch.tensor([1]), "a": torch.tensor([2.0])}
    momenta = Momenta.of(raw, EdgeColumns("p", "y", "a"), 1e-3)
    assert [x.item() for x in (momenta.pt, momenta.eta, momenta.phi)] == [2.0, 1.0, 2.0]
    assert {x.dtype for x in (momenta.pt, momenta.eta, momenta.phi)} == {torch.float32}


def test_a_bias_is_the_net_of_the_features():
    torch.manual_seed(0)
    edges = EdgeBias(["dR", "z"], 3, [5], "Tanh")
    layout = Layout.of(np.array([1, 3]))
    momenta = Momenta(*torch.rand(3, 4))
    values, pairs = edges(momenta, layout)
    first, last = edges.net.layers
    hidden = torch.tanh(first(edge_features(momenta, pairs, ["dR", "z"])))
    torch.testing.assert_close(values, last(hidden))
    assert values.shape == (7, 3)


@pytest.mark.parametrize("features", [[], ["dR", "dR"]], ids=str)
def test_features_are_named_once_and_at_least_one(features):
    with pytest.raises(ConfigError, match="one feature or more, each of them once"):
        EdgeBias(features, 2, [], "ReLU")

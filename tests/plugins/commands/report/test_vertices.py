"""Vertex finding against planted vertices, and pair by pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from salt_plugins.commands.report.vertices import vertex_finding


def plant(seed: int, num_jets: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    jets = np.repeat(np.arange(num_jets), rng.integers(0, 12, num_jets))
    return jets, rng.integers(-2, 4, len(jets))


def alone(labels: np.ndarray) -> list[int]:
    """Give who has no vertex one of its own."""
    return [label if label >= 0 else -10 - place for place, label in enumerate(labels)]


def test_planted_vertices_come_back_as_exactly_one():
    jets, truth = plant(1)
    renamed = np.where(truth >= 0, (truth * 7 + 3) % 11, truth)
    found = vertex_finding(jets, truth, renamed, 40)
    size = np.bincount(jets, minlength=40)
    assert (found.rand_index[size >= 2] == 1).all()
    assert np.isnan(found.rand_index[size < 2]).all()
    for values in (found.efficiency, found.purity):
        assert set(values[np.isfinite(values)]) == {1.0}


def test_each_jet_agrees_with_counting_pairs_and_shares():
    jets, truth = plant(2)
    predicted = np.random.default_rng(5).integers(-1, 4, len(jets))
    found = vertex_finding(jets, truth, predicted, 40)
    for jet in range(40):
        a, b = alone(truth[jets == jet]), alone(predicted[jets == jet])
        assert found.rand_index[jet] == pytest.approx(rand_index(a, b), nan_ok=True)
        assert found.efficiency[jet] == pytest.approx(best_share(a, b), nan_ok=True)
        assert found.purity[jet] == pytest.approx(best_share(b, a), nan_ok=True)


def test_vertices_of_different_jets_are_never_one():
    jets, vertex = np.array([0, 0, 1, 1]), np.zeros(4, int)
    split = vertex_finding(jets, vertex, np.array([0, 0, 0, 1]), 2)
    assert split.efficiency.tolist() == [1.0, 0.5]
    assert split.rand_index.tolist() == [1.0, 0.0]


def rand_index(a: list[int], b: list[int]) -> float:
    """From the four counts of pairs that are together or apart (Hubert and Arabie)."""
    kinds = [(a[i] == a[j], b[i] == b[j]) for i, j in combinations(range(len(a)), 2)]
    both, first = kinds.count((True, True)), kinds.count((True, False))
    second, neither = kinds.count((False, True)), kinds.count((False, False))
    if not kinds:
        return float("nan")
    below = (both + first) * (first + neither) + (both + second) * (second + neither)
    return 2 * (both * neither - first * second) / below if below else 1.0


def best_share(of: list[int], other: list[int]) -> float:
    shares = []
    for vertex in set(of):
        members = [o for v, o in zip(of, other, strict=True) if v == vertex]
        if len(members) >= 2:
            shares.append(max(members.count(o) for o in members) / len(members))
    return float(np.mean(shares)) if shares else float("nan")

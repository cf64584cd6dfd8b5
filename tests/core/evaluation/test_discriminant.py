"""Discriminant, rejection and area under the curve, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from salt_core.evaluation.discriminant import discriminant, separation


def test_discriminant_is_the_log_of_the_ratio():
    shares = {"b": np.array([0.7]), "c": np.array([0.1]), "u": np.array([0.15]), "tau": np.array([0.05])}
    found = discriminant(shares, "b", {"c": 0.2, "tau": 0.01})
    assert found == pytest.approx(np.log(0.7 / (0.2 * 0.1 + 0.01 * 0.05 + 0.79 * 0.15)))


def test_auc_counts_pairs_and_half_of_ties():
    rng = np.random.default_rng(1)
    signal, background = rng.integers(0, 9, 200).astype(float), rng.integers(0, 7, 300).astype(float)
    pairs = (signal[:, None] > background) + 0.5 * (signal[:, None] == background)
    assert separation(signal, background, 0.7).auc == pytest.approx(pairs.mean())


def test_rejection_at_the_cut_that_the_efficiency_gives():
    signal = np.arange(100, dtype=float)
    background = np.array([10.0, 29.0, 31.0, 50.0])
    found = separation(signal, background, 0.7)
    assert (signal > np.quantile(signal, 0.3)).mean() == pytest.approx(0.7, abs=0.01)
    assert found.rejection == 2.0
    assert separation(signal, background, 0.01).rejection == np.inf

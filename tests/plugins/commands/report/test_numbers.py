"""The numbers of a report against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from salt_plugins.commands.report import numbers


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_rejection_is_one_over_the_share_that_passes(rng):
    signal, background = rng.normal(1, 1, 700), rng.normal(0, 1, 900)
    points = np.array([0.5, 0.7, 0.85, 0.99])
    cuts = numbers.cuts_at(signal, points)
    value, error = numbers.rejection(background, cuts)
    for point, cut, found, uncertainty in zip(points, cuts, value, error, strict=True):
        assert sum(score > cut for score in signal) / 700 == pytest.approx(point, abs=2 / 700)
        passed = sum(score > cut for score in background)
        assert found == pytest.approx(900 / passed)
        spread = stats.binom(900, passed / 900).std() / 900
        assert uncertainty == pytest.approx(spread * (900 / passed) ** 2)


def test_a_score_on_the_cut_does_not_pass():
    share, error = numbers.share_above(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0]))
    assert share.tolist() == [0.25]
    assert error[0] == pytest.approx(np.sqrt(0.25 * 0.75 / 4))


def test_no_background_above_the_cut_is_no_number():
    assert np.isnan(numbers.rejection(np.array([0.0, 1.0]), np.array([5.0])).value).all()


def test_efficiency_in_bins_is_counted(rng):
    passes, values = rng.random(500) < 0.6, rng.exponential(1, 500)
    edges = np.array([0, 0.5, 1, 3, 50, 60.0])
    share, error = numbers.binned_share(passes, values, edges)
    for index in range(4):
        chosen = [p for p, v in zip(passes, values, strict=True) if edges[index] <= v < edges[index + 1]]
        assert share[index] == pytest.approx(np.mean(chosen))
        assert error[index] == pytest.approx(np.std(chosen) / np.sqrt(len(chosen)))
    assert np.isnan(share[4])


def test_confusion_is_counted(rng):
    truth, predicted = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    shares = numbers.confusion(truth, predicted, 4)
    for row in range(3):
        for column in range(4):
            assert shares[row, column] == pytest.approx(np.mean(predicted[truth == row] == column))
    assert np.isnan(shares[3]).all()


def test_calibration_is_counted_and_leaves_out_thin_bins(rng):
    probability = np.concatenate([rng.random(400) * 0.5, [0.95, 1.0]])
    is_class = rng.random(402) < probability
    edges = np.linspace(0, 1, 11)
    mean, share, error = numbers.calibration(probability, is_class, edges)
    assert len(mean) == 5
    chosen = (probability >= 0.2) & (probability < 0.3)
    assert mean[2] == pytest.approx(probability[chosen].mean())
    assert share[2] == pytest.approx(is_class[chosen].mean())
    assert error[2] == pytest.approx(is_class[chosen].std() / np.sqrt(chosen.sum()))


def test_every_jet_lies_in_a_bin_of_about_equal_numbers(rng):
    values = rng.exponential(1, 600)
    counts = np.histogram(values, numbers.quantile_edges(np.append(values, np.nan), 6))[0]
    assert counts.sum() == 600
    assert counts.min() >= 99

"""The numbers of a report: rejection, efficiency in bins, confusion and calibration."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Estimate(NamedTuple):
    """Values and their uncertainties, of equal shape."""

    value: Array
    error: Array


def cuts_at(signal: Array, efficiencies: Array) -> Array:
    """Return the cuts (E,) that the `efficiencies` (E,) of the signal's scores (N,) pass."""
    cuts: Array = np.quantile(signal, 1 - efficiencies)
    return cuts


def share_above(scores: Array, cuts: Array) -> Estimate:
    """Return the share of `scores` (N,) above each cut (E,), with its binomial uncertainty."""
    passed = len(scores) - np.searchsorted(np.sort(scores), cuts, side="right")
    share = passed / len(scores)
    return Estimate(share, np.sqrt(share * (1 - share) / len(scores)))


def rejection(scores: Array, cuts: Array) -> Estimate:
    """Return one over the share of background `scores` (N,) above each cut (E,); NaN where none is."""
    return inverse(share_above(scores, cuts))


def inverse(share: Estimate) -> Estimate:
    """Return one over shares with its uncertainty; NaN where a share is none or 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(share.value > 0, 1 / share.value, np.nan)
        return Estimate(value, value**2 * share.error)


def binned_share(passes: Array, values: Array, edges: Array) -> Estimate:
    """Return the share of jets that pass in each bin, with its binomial uncertainty.

    Parameters
    ----------
    passes : array of bool
        Which jets pass (N,).
    values : array
        Where they lie (N,); those outside the edges are left out.
    edges : array
        Rising edges (K + 1,) of the bins, whose upper ones belong to the next.

    Returns
    -------
    Estimate
        Shares (K,), NaN in a bin without jets.
    """
    total = np.histogram(values, edges)[0]
    passed = np.histogram(values[passes], edges)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = passed / total
        return Estimate(share, np.sqrt(share * (1 - share) / total))


def confusion(truth: Array, predicted: Array, num_classes: int) -> Array:
    """Return the share (C, C) of each true class, by rows, that is put into each class; NaN without any."""
    counts = np.bincount(truth * num_classes + predicted, minlength=num_classes**2)
    counts = counts.reshape(num_classes, num_classes)
    with np.errstate(invalid="ignore"):
        shares: Array = counts / counts.sum(axis=1, keepdims=True)
    return shares


def calibration(
    probability: Array, is_class: Array, edges: Array, fewest: int = 5
) -> tuple[Array, Array, Array]:
    """Compare predicted probabilities with the shares that are of the class.

    Returns
    -------
    tuple of array
        In each bin with at least `fewest` jets: mean probability, share of the class, its uncertainty.
    """
    place = np.clip(np.digitize(probability, edges) - 1, 0, len(edges) - 2)
    total = np.bincount(place, minlength=len(edges) - 1)
    sums = np.bincount(place, weights=probability, minlength=len(edges) - 1)
    hits = np.bincount(place, weights=is_class, minlength=len(edges) - 1)
    kept = total >= fewest
    share = hits[kept] / total[kept]
    return sums[kept] / total[kept], share, np.sqrt(share * (1 - share) / total[kept])


def quantile_edges(values: Array, num_bins: int) -> Array:
    """Return edges of bins with about equal numbers of the finite `values` (N,)."""
    finite = values[np.isfinite(values)]
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, num_bins + 1)))
    edges[-1] = np.nextafter(edges[-1], np.inf)
    return edges

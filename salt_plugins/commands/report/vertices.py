"""How well found vertices are the true ones: adjusted Rand index, efficiency and purity of each jet."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class VertexFinding(NamedTuple):
    """By jet (B,), NaN where a jet has nothing to tell it of.

    Parameters
    ----------
    rand_index : array
        Adjusted Rand index over the constituents; jets with fewer than two have none.
    efficiency : array
        Mean over the true vertices of two or more: share that the found one with most of it holds.
    purity : array
        Mean over the found vertices of two or more: share that the true one with most of it gives.
    """

    rand_index: Array
    efficiency: Array
    purity: Array


def vertex_finding(jets: Array, truth: Array, found: Array, num_jets: int) -> VertexFinding:
    """Compare vertices of many jets at once.

    Parameters
    ----------
    jets : array of int
        The jet of each constituent (N,).
    truth, found : array of int
        Vertex of each constituent (N,) within its jet; who has a negative one is alone.
    num_jets : int
        B.
    """
    true_of, found_of = _clusters(jets, truth), _clusters(jets, found)
    pairs, sizes = np.unique(np.stack([true_of, found_of]), axis=1, return_counts=True)
    rand = _rand_index(jets, true_of, found_of, pairs, sizes, num_jets)
    efficiency = _best_share(jets, true_of, pairs[0], sizes, num_jets)
    return VertexFinding(rand, efficiency, _best_share(jets, found_of, pairs[1], sizes, num_jets))


def _clusters(jets: Array, labels: Array) -> Array:
    """Give each cluster of each jet a number; negative labels make one for each constituent."""
    alone = labels < 0
    own = np.where(alone, np.arange(len(labels)), labels)
    numbers: Array = np.unique(np.stack([jets, alone, own]), axis=1, return_inverse=True)[1]
    return numbers.reshape(-1)


def _rand_index(
    jets: Array, true_of: Array, found_of: Array, pairs: Array, sizes: Array, num_jets: int
) -> Array:
    def pairs_in(clusters: Array) -> Array:
        return _sum_by_jet(_jet_of(jets, clusters), _pairs(np.bincount(clusters)), num_jets)

    both = _sum_by_jet(_jet_of(jets, true_of)[pairs[0]], _pairs(sizes), num_jets)
    in_true, in_found = pairs_in(true_of), pairs_in(found_of)
    total = _pairs(np.bincount(jets, minlength=num_jets))
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = in_true * in_found / total
        most = (in_true + in_found) / 2
        index = np.where(most == expected, 1.0, (both - expected) / (most - expected))
    return np.where(total > 0, index, np.nan)


def _best_share(jets: Array, clusters: Array, of_pair: Array, sizes: Array, num_jets: int) -> Array:
    total = np.bincount(clusters)
    best = np.zeros(len(total))
    np.maximum.at(best, of_pair, sizes)
    kept = total >= 2
    jet = _jet_of(jets, clusters)[kept]
    number = np.bincount(jet, minlength=num_jets)
    with np.errstate(invalid="ignore"):
        share: Array = _sum_by_jet(jet, (best / np.maximum(total, 1))[kept], num_jets) / number
    return share


def _jet_of(jets: Array, clusters: Array) -> Array:
    owners = np.zeros(clusters.max(initial=-1) + 1, dtype=int)
    owners[clusters] = jets
    return owners


def _sum_by_jet(jets: Array, values: Array, num_jets: int) -> Array:
    return np.bincount(jets, weights=values, minlength=num_jets)


def _pairs(counts: Array) -> Array:
    pairs: Array = counts * (counts - 1) / 2
    return pairs

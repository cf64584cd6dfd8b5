"""The discriminant of flavour tagging and what it separates: rejection and area under the ROC curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.floating]

TINY = 1e-30


@dataclass(frozen=True)
class Separation:
    """How well one background is told from the signal.

    Parameters
    ----------
    rejection : float
        One over the share of the background that passes the working point; infinite where none does.
    auc : float
        Probability that a jet of the signal scores above one of the background.
    jets : int
        Jets of the background.
    """

    rejection: float
    auc: float
    jets: int


def discriminant(probabilities: Mapping[str, Array], signal: str, fractions: Mapping[str, float]) -> Array:
    """Return ``log(p_signal / sum(f_i p_i))`` over the backgrounds i.

    Parameters
    ----------
    probabilities : mapping of str to array
        Probability of each class (N,).
    signal : str
        The class of the signal.
    fractions : mapping of str to float
        Weight f of backgrounds. What they leave of 1 is shared evenly by the backgrounds not named.
    """
    others = [name for name in probabilities if name not in (signal, *fractions)]
    rest = (1 - sum(fractions.values())) / len(others) if others else 0.0
    weights = {**dict.fromkeys(others, rest), **fractions}
    background = sum(weight * probabilities[name].astype(float) for name, weight in weights.items())
    score: Array = np.log((probabilities[signal].astype(float) + TINY) / (background + TINY))
    return score


def separation(signal: Array, background: Array, efficiency: float) -> Separation:
    """Compare scores of signal and background at the cut that `efficiency` of the signal passes."""
    cut = np.quantile(signal, 1 - efficiency)
    passed = int((background > cut).sum())
    ranks = rankdata(np.concatenate([signal, background]))
    above = ranks[: len(signal)].sum() - len(signal) * (len(signal) + 1) / 2
    return Separation(
        rejection=len(background) / passed if passed else float("inf"),
        auc=float(above / (len(signal) * len(background))),
        jets=len(background),
    )

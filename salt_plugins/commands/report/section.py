"""What a report is made of: sections of the page, what the user chose, and runs with their predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from salt_plugins.commands.report.reading import Predictions, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Said of a run whose predictions are of no jet.
EMPTY = "the file of predictions is empty"


@dataclass(frozen=True)
class Options:
    """What the user chose; empty means that the run decides.

    Parameters
    ----------
    signals, classes, axes : sequence of str
        Classes to select, names of all classes, columns to show efficiencies over.
    fractions : mapping of str to float
        Weights of backgrounds in the discriminants.
    points : sequence of float
        Efficiencies of the working points.
    """

    signals: Sequence[str] = ()
    classes: Sequence[str] = ()
    axes: Sequence[str] = ()
    fractions: Mapping[str, float] = field(default_factory=dict)
    points: Sequence[float] = (0.7, 0.77, 0.85)


@dataclass
class Section:
    """A part of the page."""

    title: str
    words: list[str] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    heading: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluated:
    """A run with its predictions, where it has any."""

    run: Run
    found: Predictions | None


def said(value: float, error: float) -> str:
    """Write a value with its uncertainty, both to the digits that count."""
    if not np.isfinite(value):
        return "none passes"
    digits = max(0, 1 - int(np.floor(np.log10(error)))) if error > 0 else 2
    return f"{value:.{digits}f} ± {error:.{digits}f}"

"""The manner of all pictures, the colours and names of flavours in them, and the confusion matrix."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from salt_core.logs import quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUN_LINES = ("-", "--", "-.", ":")
RUN_MARKS = ("o", "s", "D", "^")
COLOURS = {"bjets": "#1f5fa8", "cjets": "#d97706", "ujets": "#2e8b57", "taus": "#8e44ad"}
OTHERS = ("#c0392b", "#16a2b8", "#7f6000", "#555555", "#e377c2", "#9acd32")
NAMES = {
    "bjets": "$b$-jets",
    "cjets": "$c$-jets",
    "ujets": "light jets",
    "taus": r"$\tau$-jets",
}
#: What the losses of each stage are called, and how they are drawn.
LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    "train": ("training", {"color": "0.4", "lw": 0.9, "alpha": 0.6}),
    "val": ("validation", {"color": "#c0392b", "marker": "o", "ms": 3.5}),
}
#: Sizes for pictures of about 15 cm, which mplhep makes for slides; axes that end where they are told to.
SIZES: dict[Any, Any] = {
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 12,
    "axes.labelpad": 4,
    "axes.autolimit_mode": "data",
    "axes.xmargin": 0.05,
    "legend.fontsize": 9.5,
    "legend.title_fontsize": 9.5,
    "legend.borderpad": 0.4,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "ytick.major.size": 5,
    "ytick.minor.size": 3,
    "savefig.dpi": 130,
    "pdf.fonttype": 42,
}


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw as the field's papers do: the ATLAS style of mplhep, in smaller sizes.

    A font that is not there has another in its place, of which matplotlib would tell at each letter.
    """
    import mplhep
    from matplotlib import rc_context

    with quiet("matplotlib.font_manager", logging.ERROR), rc_context({**mplhep.style.ATLAS, **SIZES}):
        yield


def colour(name: str, place: int) -> str:
    """Return the colour of a class, the same in every picture."""
    return COLOURS.get(name, OTHERS[place % len(OTHERS)])


def line_of(run: int) -> str:
    """Return the style of a run's lines, by its place among the runs."""
    return RUN_LINES[run % len(RUN_LINES)]


def mark_of(run: int) -> str:
    """Return the mark of a run's points, by its place among the runs."""
    return RUN_MARKS[run % len(RUN_MARKS)]


def shown(name: str) -> str:
    """Name a class as a legend does."""
    return NAMES.get(name, name)


def loss_shown(name: str) -> str:
    """Name a loss as the title of its panel does, such as ``track_origin_loss``."""
    return "total loss" if name == "loss" else name.removesuffix("_loss").replace("_", " ")


def short(name: str) -> str:
    """Name a class as an index does, such as b."""
    return {"bjets": "b", "cjets": "c", "ujets": "u", "taus": r"\tau"}.get(name, rf"\mathrm{{{name}}}")


def figure_of(width: float, height: float) -> Figure:
    """Make an empty figure of a size in inches, whose panels make room for their labels."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def confusion(shares: NDArray[Any], classes: Sequence[str], what: str) -> Figure:
    """Draw a confusion matrix.

    Parameters
    ----------
    shares : array of shape (C, C)
        The share of each predicted class (columns) among the entries of each true class (rows).
    classes : sequence of str
        The C names.
    what : str
        What the classes are classes of, such as ``flavour``.
    """
    size = 2.6 + 0.62 * len(classes)
    figure = figure_of(size, size * 0.88)
    panel = figure.subplots()
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            ink = "white" if share > 0.55 else "black"
            panel.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=9, color=ink)
    ticks = range(len(classes))
    names = [shown(name) for name in classes]
    panel.set_xticks(ticks, names, rotation=40, ha="right", rotation_mode="anchor")
    panel.set_yticks(ticks, names)
    panel.tick_params(which="both", length=0)
    panel.minorticks_off()
    panel.set(xlabel=f"Predicted {what}", ylabel=f"True {what}")
    figure.colorbar(image, ax=panel, shrink=0.8, label="Share of the true class")
    return figure

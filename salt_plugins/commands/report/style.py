"""Colours and names of classes, and the manner of all pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

RUN_STYLES = ("-", "--", "-.", ":")
COLOURS = {"bjets": "#1f5fa8", "cjets": "#d97706", "ujets": "#2e8b57", "taus": "#8e44ad"}
OTHERS = ("#c0392b", "#16a2b8", "#7f6000", "#555555", "#e377c2", "#9acd32")
NAMES = {
    "bjets": "$b$-jets",
    "cjets": "$c$-jets",
    "ujets": "light jets",
    "taus": r"$\tau$-jets",
}
SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.labelsize": 12,
    "axes.linewidth": 1.0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "savefig.dpi": 130,
    "pdf.fonttype": 42,
}


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw as the field's papers do."""
    from matplotlib import rc_context

    with rc_context(SETTINGS):
        yield


def colour(name: str, place: int) -> str:
    """Return the colour of a class, the same in every picture."""
    return COLOURS.get(name, OTHERS[place % len(OTHERS)])


def shown(name: str) -> str:
    """Name a class as a legend does."""
    return NAMES.get(name, name)


def short(name: str) -> str:
    """Name a class as an index does, such as b."""
    return {"bjets": "b", "cjets": "c", "ujets": "u", "taus": r"\tau"}.get(name, rf"\mathrm{{{name}}}")

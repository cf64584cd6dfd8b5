"""Pictures of what a model predicts: each public function makes one matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from salt_core.drawing import colour, figure_of, line_of, mark_of, short, shown
from salt_plugins.commands.report import numbers
from salt_plugins.commands.report.jets import Jets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]
Fractions = Mapping[str, float]
NUM_BINS = 6

#: Bins that reach over more than this factor are shown on a logarithmic axis.
WIDE = 10
ENERGIES = [factor * 10**power for power in range(5) for factor in (1, 2, 5)]


def discriminants(samples: Sequence[Jets], signal: str, fractions: Fractions) -> Figure:
    """Draw the distribution of the discriminant for each flavour."""
    figure = figure_of(5.6, 4.4)
    panel = figure.subplots()
    by_run = [sample.scores(signal, fractions) for sample in samples]
    ends = np.array([np.quantile(s, [0.005, 0.995]) for found in by_run for s in found.values()])
    edges = np.linspace(ends[:, 0].min(), ends[:, 1].max(), 46).tolist()
    for place, (sample, found) in enumerate(zip(samples, by_run, strict=True)):
        for name, scores in found.items():
            panel.hist(
                scores,
                edges,
                density=True,
                histtype="step",
                lw=1.6,
                color=colour(name, sample.classes.index(name)),
                ls=line_of(place),
                label=shown(name) if place == 0 else None,
            )
    panel.set(xlabel=f"$D_{{{short(signal)}}}$", ylabel="Arbitrary units", xlim=(edges[0], edges[-1]))
    panel.set_ylim(0, panel.get_ylim()[1] * 1.25)
    _legend(panel, [s.name for s in samples], ncols=2)
    return figure


def roc(samples: Sequence[Jets], signal: str, fractions: Fractions) -> Figure:
    """Draw the rejection of each background against the signal's efficiency, with binomial bands."""
    several = len(samples) > 1
    figure = figure_of(5.8, 5.6 if several else 4.6)
    ratios = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.2]) if several else [figure.subplots()]
    panel = ratios[0]
    efficiencies = np.linspace(0.5 if signal == "bjets" else 0.2, 1, 120)
    first: dict[str, Array] = {}
    for place, sample in enumerate(samples):
        found = sample.scores(signal, fractions)
        cuts = numbers.cuts_at(found.pop(signal), efficiencies)
        for name, scores in found.items():
            value, error = numbers.rejection(scores, cuts)
            hue = colour(name, sample.classes.index(name))
            line = line_of(place)
            label = f"{shown(name)} rejection" if place == 0 else None
            panel.plot(efficiencies, value, color=hue, ls=line, label=label)
            panel.fill_between(efficiencies, value - error, value + error, color=hue, alpha=0.18, lw=0)
            if several:
                base = first.setdefault(name, value)
                ratios[1].plot(efficiencies, value / base, color=hue, ls=line)
                low, high = (value - error) / base, (value + error) / base
                ratios[1].fill_between(efficiencies, low, high, color=hue, alpha=0.15, lw=0)
    panel.set(yscale="log", ylabel="Background rejection", xlim=(efficiencies[0], 1))
    panel.set_ylim(0.9, panel.get_ylim()[1] * 3)
    _legend(panel, [s.name for s in samples])
    if several:
        ratios[1].set(ylabel=f"Ratio to\n{samples[0].name[:18]}", ylim=(0.5, 1.5))
    ratios[-1].set_xlabel(f"{shown(signal)} efficiency")
    return figure


@dataclass(frozen=True)
class _Bins:
    """Bins of what efficiencies are shown over.

    Parameters
    ----------
    edges : array
        Rising edges (K + 1,).
    wide : bool
        Whether they are drawn on a logarithmic axis.
    """

    edges: Array
    wide: bool

    @classmethod
    def of(cls, values: Array, axis: str) -> _Bins:
        """Make bins with about equal numbers of the values."""
        edges = numbers.quantile_edges(values, NUM_BINS)
        return cls(edges, "GeV" in axis and edges[0] > 0 and edges[-1] > WIDE * edges[0])

    def draw(self, panel: Axes, estimate: numbers.Estimate, place: int, **style: Any) -> None:
        """Draw a value in each bin (K,); those of later runs stand beside the first one's."""
        low, high = self.edges[:-1], self.edges[1:]
        middles = np.sqrt(high * low) if self.wide else (high + low) / 2
        value, error = estimate
        panel.errorbar(
            middles + (high - middles) * 0.12 * place,
            value,
            yerr=np.where(np.isfinite(value), error, 0),
            xerr=[middles - low, high - middles] if place == 0 else None,
            fmt=mark_of(place),
            ms=4.5,
            lw=1.1,
            **style,
        )

    def fit(self, panel: Axes) -> None:
        """Have the axis of a panel end with the bins."""
        first, last = self.edges[0], self.edges[-1]
        panel.set_xlim(first, last)
        if self.wide:
            panel.set_xscale("log")
            ticks = [tick for tick in ENERGIES if first <= tick <= last]
            panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            panel.xaxis.set_minor_formatter("")


def efficiencies(
    samples: Sequence[Jets], signal: str, fractions: Fractions, point: float, axis: str
) -> Figure:
    """Draw the signal's efficiency and the backgrounds' rejection in bins, at one cut for all jets."""
    figure = figure_of(5.8, 5.8)
    upper, lower = figure.subplots(2, 1, sharex=True)
    bins = _Bins.of(samples[0].kinematics[axis], axis)
    for place, sample in enumerate(samples):
        scores = sample.scores(signal, fractions)
        cut = numbers.cuts_at(scores[signal], np.array([point]))[0]
        for name, found in scores.items():
            values = sample.kinematics[axis][sample.truth == sample.classes.index(name)]
            share = numbers.binned_share(found > cut, values, bins.edges)
            panel, told = (upper, share) if name == signal else (lower, numbers.inverse(share))
            label = shown(name) if place == 0 else None
            bins.draw(panel, told, place, color=colour(name, sample.classes.index(name)), label=label)
    upper.axhline(point, color="0.5", lw=0.9, ls=":")
    upper.set(ylabel=f"{shown(signal)} efficiency", ylim=(0, 1.1))
    lower.set(ylabel="Background rejection", yscale="log", xlabel=axis)
    lower.set_ylim(0.9, lower.get_ylim()[1] * 6)
    bins.fit(lower)
    _legend(
        upper, [s.name for s in samples], title=f"{point:.0%} working point", markers=True, loc="lower right"
    )
    lower.legend(ncols=3, loc="upper left")
    return figure


def calibration(samples: Sequence[Jets]) -> Figure:
    """Draw the share of each class against its predicted probability."""
    figure = figure_of(5.2, 4.9)
    panel = figure.subplots()
    panel.plot([0, 1], [0, 1], color="0.6", lw=1, ls=":")
    for place, sample in enumerate(samples):
        for index, name in enumerate(sample.classes):
            x, y, error = numbers.calibration(
                sample.probabilities[name].astype(float), sample.truth == index, np.linspace(0, 1, 11)
            )
            panel.errorbar(
                x,
                y,
                yerr=error,
                marker=mark_of(place),
                ms=4,
                lw=1.2,
                ls=line_of(place),
                color=colour(name, index),
                label=shown(name) if place == 0 else None,
            )
    panel.set(
        xlabel="Predicted probability", ylabel="Share of jets of the class", xlim=(0, 1), ylim=(0, 1.35)
    )
    _legend(panel, [s.name for s in samples], loc="upper left", ncols=2)
    return figure


def vertices(rows: Mapping[tuple[str, str], Mapping[str, tuple[float, float]]]) -> Figure:
    """Draw the means of vertex finding.

    Parameters
    ----------
    rows : mapping
        Mean and its uncertainty by measure, by run and class.
    """
    figure = figure_of(5.8, 4.2)
    panel = figure.subplots()
    measures = list(next(iter(rows.values())))
    runs, classes = (list(dict.fromkeys(key[part] for key in rows)) for part in (0, 1))
    for place, ((run, name), found) in enumerate(rows.items()):
        x = np.arange(len(measures)) + (place - (len(rows) - 1) / 2) * 0.5 / len(rows)
        values, errors = zip(*(found[measure] for measure in measures), strict=True)
        hue, mark = colour(name, classes.index(name)), mark_of(runs.index(run))
        label = shown(name) if run == runs[0] else None
        panel.errorbar(x, values, yerr=errors, fmt=mark, ms=5, color=hue, label=label)
    panel.set_xticks(range(len(measures)), measures)
    panel.tick_params(axis="x", which="minor", length=0)
    panel.set(ylabel="Mean over jets", ylim=(0, 1.4), xlim=(-0.5, len(measures) - 0.5))
    _legend(panel, runs, markers=True, ncols=3, loc="upper left")
    return figure


def _legend(panel: Axes, runs: Sequence[str], markers: bool = False, **settings: Any) -> None:
    """Explain the colours, and the lines or marks of several runs."""
    from matplotlib.lines import Line2D

    handles, labels = panel.get_legend_handles_labels()
    if len(runs) > 1:
        for place, run in enumerate(runs):
            style: dict[str, Any] = (
                {"marker": mark_of(place), "ls": ""} if markers else {"ls": line_of(place)}
            )
            handles.append(Line2D([], [], color="black", **style))
            labels.append(run)
    panel.legend(handles, labels, **{"loc": "upper right", **settings})

"""The pictures of a report: each function makes one matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from salt_core.drawing import RUN_STYLES, colour, figure_of, short, shown
from salt_plugins.commands.report import numbers
from salt_plugins.commands.report.jets import Jets
from salt_plugins.commands.report.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]
Fractions = Mapping[str, float]
NUM_BINS = 6
PANELS_IN_ROW = 4

#: Parts of a training whose seconds the metrics have as ``time/<part>``, and their colours.
PARTS_OF_TIME = {"loading": "#d97706", "step": "#1f5fa8", "validation": "#2e8b57", "other": "0.55"}
LEAST_SHARE_TOLD = 0.05

#: Bins that reach over more than this factor are shown on a logarithmic axis.
WIDE = 10
ENERGIES = [factor * 10**power for power in range(5) for factor in (1, 2, 5)]


def learning_curves(runs: Sequence[Run]) -> Figure | None:
    """Draw the losses of training and validation, the total and each task's."""
    columns = dict.fromkeys(c for run in runs for row in run.metrics[:1] for c in row if c.endswith("loss"))
    names = list(dict.fromkeys(column.split("/", 1)[1] for column in columns if "/" in column))
    names.sort(key=lambda name: name != "loss")
    if not names:
        return None
    in_row = min(PANELS_IN_ROW, len(names))
    rows = -(-len(names) // in_row)
    figure = figure_of(3.5 * in_row, 3.1 * rows)
    panels = figure.subplots(rows, in_row, squeeze=False).ravel()
    for panel, name in zip(panels, names, strict=False):
        for place, run in enumerate(runs):
            _losses(panel, run, name, f"C{place}" if len(runs) > 1 else None, len(runs) > 1)
        panel.set_title("total" if name == "loss" else name.removesuffix("_loss").replace("_", " "))
        panel.set(xlabel="Step", ylabel="Loss")
        panel.legend()
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    return figure


def _losses(panel: Axes, run: Run, name: str, hue: str | None, several: bool) -> None:
    before = f"{run.name}, " if several else ""
    told: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("train", "training", {"color": hue or "0.6", "lw": 0.9, "alpha": 0.6}),
        ("val", "validation", {"color": hue or "#c0392b", "marker": "o", "ms": 3.5}),
    )
    for stage, words, style in told:
        steps, values = metric(run, f"{stage}/{name}")
        if len(steps):
            panel.plot(steps, values, label=before + words, **style)


def metric(run: Run, column: str) -> tuple[Array, Array]:
    """Return steps and values of a metric."""
    rows = [(float(row["step"]), float(row[column])) for row in run.metrics if row.get(column)]
    return (np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))


def speed(runs: Sequence[Run]) -> Figure | None:
    """Draw the jets per second of the training."""
    figure = figure_of(5.6, 3.4)
    panel = figure.subplots()
    for run in runs:
        steps, rates = metric(run, "train/jets_per_s")
        if len(steps):
            panel.plot(steps, rates, label=run.name)
    if not panel.lines:
        return None
    panel.set(xlabel="Step", ylabel="Jets per second", ylim=(0, None))
    panel.legend()
    return figure


def seconds(run: Run) -> dict[str, float]:
    """Return the seconds of each part of a training, as far as the run has recorded them."""
    sums = {part: float(metric(run, f"time/{part}")[1].sum()) for part in PARTS_OF_TIME}
    return sums if sum(sums.values()) > 0 else {}


def shares_of_time(runs: Sequence[Run]) -> Figure | None:
    """Draw which share of each run's time went to which part."""
    found = {run.name: times for run in runs if (times := seconds(run))}
    if not found:
        return None
    figure = figure_of(5.6, 1.3 + 0.45 * len(found))
    panel = figure.subplots()
    for place, (part, hue) in enumerate(PARTS_OF_TIME.items()):
        shares = [list(times.values())[place] / sum(times.values()) for times in found.values()]
        before = [sum(list(times.values())[:place]) / sum(times.values()) for times in found.values()]
        bars = panel.barh(list(found), shares, left=before, color=hue, label=part, height=0.6)
        told = [f"{share:.0%}" if share >= LEAST_SHARE_TOLD else "" for share in shares]
        panel.bar_label(bars, told, label_type="center", color="white", fontsize=9)
    panel.set(xlabel="Share of the time", xlim=(0, 1))
    panel.invert_yaxis()
    panel.tick_params(axis="y", which="both", length=0)
    panel.legend(
        ncols=len(PARTS_OF_TIME), loc="lower right", bbox_to_anchor=(1, 1), columnspacing=1, handlelength=1
    )
    return figure


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
                ls=RUN_STYLES[place % len(RUN_STYLES)],
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
            line = RUN_STYLES[place % len(RUN_STYLES)]
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


def efficiencies(
    samples: Sequence[Jets], signal: str, fractions: Fractions, point: float, axis: str
) -> Figure:
    """Draw the signal's efficiency and the backgrounds' rejection in bins, at one cut for all jets."""
    figure = figure_of(5.8, 5.8)
    upper, lower = figure.subplots(2, 1, sharex=True)
    edges = numbers.quantile_edges(samples[0].kinematics[axis], NUM_BINS)
    wide = "GeV" in axis and edges[0] > 0 and edges[-1] > WIDE * edges[0]
    middles = np.sqrt(edges[1:] * edges[:-1]) if wide else (edges[1:] + edges[:-1]) / 2
    shift = (edges[1:] - middles) * 0.12
    for place, sample in enumerate(samples):
        scores = sample.scores(signal, fractions)
        cut = numbers.cuts_at(scores[signal], np.array([point]))[0]
        for name, found in scores.items():
            values = sample.kinematics[axis][sample.truth == sample.classes.index(name)]
            share, error = numbers.binned_share(found > cut, values, edges)
            is_signal = name == signal
            with np.errstate(divide="ignore", invalid="ignore"):
                shape = share if is_signal else np.where(share > 0, 1 / share, np.nan)
                bar = error if is_signal else error / share**2
            (upper if is_signal else lower).errorbar(
                middles + shift * place,
                shape,
                yerr=np.where(np.isfinite(shape), bar, 0),
                xerr=[middles - edges[:-1], edges[1:] - middles] if place == 0 else None,
                fmt="osD^"[place % 4],
                ms=4.5,
                lw=1.1,
                color=colour(name, sample.classes.index(name)),
                label=shown(name) if place == 0 else None,
            )
    upper.axhline(point, color="0.5", lw=0.9, ls=":")
    upper.set(ylabel=f"{shown(signal)} efficiency", ylim=(0, 1.1))
    lower.set(ylabel="Background rejection", yscale="log", xlabel=axis, xlim=(edges[0], edges[-1]))
    lower.set_ylim(0.9, lower.get_ylim()[1] * 6)
    if wide:
        lower.set_xscale("log")
        ticks = [tick for tick in ENERGIES if edges[0] <= tick <= edges[-1]]
        lower.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        lower.xaxis.set_minor_formatter("")
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
                marker="osD^"[place % 4],
                ms=4,
                lw=1.2,
                ls=RUN_STYLES[place % len(RUN_STYLES)],
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
        hue, mark = colour(name, classes.index(name)), "osD^"[runs.index(run) % 4]
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
                {"marker": "osD^"[place % 4], "ls": ""} if markers else {"ls": RUN_STYLES[place % 4]}
            )
            handles.append(Line2D([], [], color="black", **style))
            labels.append(run)
    panel.legend(handles, labels, **{"loc": "upper right", **settings})

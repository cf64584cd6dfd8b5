"""Pictures of how trainings went, of the metrics that they have logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from salt_core.drawing import LOSSES, figure_of, loss_shown
from salt_plugins.commands.report.reading import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]
PANELS_IN_ROW = 4

#: Parts of a training whose seconds the metrics have as ``time/<part>``, and their colours.
PARTS_OF_TIME = {"loading": "#d97706", "step": "#1f5fa8", "validation": "#2e8b57", "other": "0.55"}
LEAST_SHARE_TOLD = 0.05


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
        panel.set_title(loss_shown(name))
        panel.set(xlabel="Step", ylabel="Loss")
        panel.legend()
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    return figure


def _losses(panel: Axes, run: Run, name: str, hue: str | None, several: bool) -> None:
    before = f"{run.name}, " if several else ""
    for stage, (words, style) in LOSSES.items():
        steps, values = metric(run, f"{stage}/{name}")
        if len(steps):
            panel.plot(steps, values, label=before + words, **style | ({"color": hue} if hue else {}))


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

"""The picture of attributions: bars for each variable, and for each class of jets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from salt_core.drawing import colour, figure_of, paper_style, shown
from salt_core.files import whole_file
from salt_plugins.commands.explain.table import Row, by_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OBJECT_COLOURS = ("#333f50", "#8497b0", "#b4a284", "#7b9e87")
GAP = 0.8


def write_picture(path: Path, rows: Sequence[Row], wanted: str) -> None:
    """Draw the attributions and write them, in the format that the path's ending names.

    Parameters
    ----------
    path : Path
        The file.
    rows : sequence of Row
        The variables.
    wanted : str
        The class whose score it is.
    """
    with paper_style(), whole_file(path) as temporary:
        draw(by_size(rows), wanted).savefig(temporary, format=path.suffix[1:])


def draw(rows: Sequence[Row], wanted: str) -> Figure:
    """Draw the sizes, and beside them the means of each true class where they are known."""
    classes = list(rows[0].signed)
    objects = list(dict.fromkeys(row.object_name for row in rows))
    heights = [-place - GAP * objects.index(row.object_name) for place, row in enumerate(rows)]
    columns = 2 if classes else 1
    figure = figure_of(1.8 + 3.6 * columns, 1.3 + 0.3 * (len(rows) + GAP * len(objects)))
    panels = figure.subplots(1, columns, sharey=True, squeeze=False)[0]
    _sizes(panels[0], rows, heights, objects)
    if classes:
        _signed(panels[1], rows, heights, classes)
    panels[0].set_yticks(heights, [row.variable for row in rows])
    panels[0].set_ylim(heights[-1] - 0.7, heights[0] + 0.7)
    for panel in panels:
        panel.tick_params(axis="y", length=0)
        panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"Attribution to the log-odds of {shown(wanted)}", fontsize=11)
    return figure


def _sizes(panel: Axes, rows: Sequence[Row], heights: Sequence[float], objects: Sequence[str]) -> None:
    for place, name in enumerate(objects):
        mine = [index for index, row in enumerate(rows) if row.object_name == name]
        panel.barh(
            [heights[index] for index in mine],
            [rows[index].size for index in mine],
            height=0.7,
            color=OBJECT_COLOURS[place % len(OBJECT_COLOURS)],
            label=name,
        )
    panel.set_xlabel("Mean |attribution|")
    panel.legend(loc="best")


def _signed(panel: Axes, rows: Sequence[Row], heights: Sequence[float], classes: Sequence[str]) -> None:
    thick = 0.8 / len(classes)
    for place, name in enumerate(classes):
        middles = [height + 0.4 - thick * (place + 0.5) for height in heights]
        panel.barh(
            middles,
            [row.signed[name] for row in rows],
            height=thick,
            color=colour(name, place),
            label=shown(name),
        )
    panel.axvline(0, color="0.3", lw=0.8)
    panel.set_xlabel("Mean attribution, by true class")
    panel.legend(loc="best")

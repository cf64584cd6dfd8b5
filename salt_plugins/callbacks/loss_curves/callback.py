"""Draws the losses of a training when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lightning.pytorch import Callback, LightningModule, Trainer

from salt_core import ConfigError
from salt_core.drawing import LOSSES, figure_of, loss_shown, paper_style
from salt_core.files import whole_file
from salt_core.training.run_directory import run_directory
from salt_core.training.run_files import METRICS_NAME, read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Steps and values.
Curve = tuple[list[float], list[float]]

#: Endings of pictures.
ENDINGS = (".png", ".pdf", ".svg", ".eps", ".jpg", ".webp")


class LossCurves(Callback):
    """Draws training and validation loss, the total and each task's, into ``loss_curves.png``.

    Parameters
    ----------
    file_name : str, optional
        Name of the picture in the run directory; its ending tells the format.

    Raises
    ------
    ConfigError
        Where the name is none of a picture.
    """

    def __init__(self, file_name: str = "loss_curves.png") -> None:
        if Path(file_name).name != file_name or not file_name.endswith(ENDINGS):
            message = f"{file_name!r} is no name of a picture; give one that ends with {', '.join(ENDINGS)}"
            raise ConfigError(message, "file_name")
        self.file_name = file_name

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw what the metrics file holds."""
        del pl_module
        directory = run_directory(trainer)
        if directory is None or not trainer.is_global_zero:
            return
        curves = read_curves(directory / METRICS_NAME)
        if curves:
            draw(curves, directory / self.file_name)


def read_curves(metrics: Path) -> dict[str, Curve]:
    """Read each loss of a metrics file as steps and values."""
    curves: dict[str, Curve] = {}
    for row in read_metrics(metrics):
        for column, value in row.items():
            if column.endswith("loss") and value:
                steps, values = curves.setdefault(column, ([], []))
                steps.append(float(row["step"]))
                values.append(float(value))
    return curves


def draw(curves: dict[str, Curve], target: Path) -> None:
    """Draw one panel for the total loss and one for each task.

    Parameters
    ----------
    curves : dict of str to (list of float, list of float)
        By metric, such as ``val/loss`` or ``train/track_origin_loss``.
    target : Path
        The picture.
    """
    names = list(dict.fromkeys(key.split("/", 1)[1] for key in curves))
    names.sort(key=lambda name: name != "loss")
    with paper_style():
        figure = figure_of(4.2 * len(names), 3.4)
        panels: Sequence[Axes] = figure.subplots(1, len(names), squeeze=False)[0]
        for panel, name in zip(panels, names, strict=True):
            _panel(panel, curves, name)
        with whole_file(target) as file:
            figure.savefig(file, format=target.suffix[1:])


def _panel(panel: Axes, curves: dict[str, Curve], name: str) -> None:
    for stage, (words, style) in LOSSES.items():
        if f"{stage}/{name}" in curves:
            panel.plot(*curves[f"{stage}/{name}"], label=words, **style)
    panel.set_title(loss_shown(name))
    panel.set(xlabel="Step", ylabel="Loss")
    panel.legend()

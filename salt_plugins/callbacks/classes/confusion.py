"""Writes and draws the confusion matrix of each validation."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from salt_core.files import whole_file, write_whole
from salt_core.training.run import run_directory
from salt_plugins.callbacks.classes.counting import Counting, confusion_counts, heads_of

FOLDER = "confusion"


class ConfusionMatrix(Counting):
    """Writes which classes are taken for which, after each validation of a training.

    Into ``confusion/`` of the run directory: a row of counts for each true class and epoch in
    ``TASK.csv``, and a picture of the newest shares, ``TASK.png``.

    Parameters
    ----------
    picture : bool, optional
        Whether the picture is drawn.
    """

    def __init__(self, picture: bool = True) -> None:
        self.picture = picture

    def count(self, probabilities: Tensor, truth: Tensor) -> Tensor:
        """Count pairs of true and chosen class (C, C)."""
        return confusion_counts(probabilities, truth)

    def tell(self, counts: Mapping[str, Tensor], trainer: Trainer, model: LightningModule) -> None:
        """Write counts and picture of each task."""
        directory = run_directory(trainer)
        if directory is None or not trainer.is_global_zero:
            return
        folder = directory / FOLDER
        folder.mkdir(exist_ok=True)
        for name, values in counts.items():
            classes = heads_of(model)[name].class_names
            add_counts(
                folder / f"{name}.csv", trainer.current_epoch, trainer.global_step, classes, values.cpu()
            )
            if self.picture:
                draw(folder / f"{name}.png", f"{name}, epoch {trainer.current_epoch}", classes, values.cpu())


def add_counts(target: Path, epoch: int, step: int, classes: Sequence[str], counts: Tensor) -> None:
    """Add the counts (C, C) of a validation to a table, which is replaced as a whole."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if target.exists():
        text.write(target.read_text())
    else:
        table.writerow(["epoch", "step", "true_class", *classes])
    for one, row in zip(classes, counts.tolist(), strict=True):
        table.writerow([epoch, step, one, *row])
    write_whole(target, text.getvalue())


def draw(target: Path, title: str, classes: Sequence[str], counts: Tensor) -> None:
    """Draw the share of each chosen class among the entries of each true one."""
    from matplotlib.figure import Figure

    shares = counts.double() / counts.sum(1, keepdim=True).clamp(min=1)
    size = 1.8 + 0.62 * len(classes)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    panel = figure.subplots()
    image = panel.imshow(shares.numpy(), vmin=0, vmax=1, cmap="Blues")
    for true, chosen in torch.cartesian_prod(torch.arange(len(classes)), torch.arange(len(classes))).tolist():
        share = float(shares[true, chosen])
        colour = "white" if share > 0.5 else "black"
        panel.text(chosen, true, f"{share:.2f}", ha="center", va="center", color=colour, fontsize=8)
    panel.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    panel.set_yticks(range(len(classes)), classes)
    panel.set_xlabel("most probable class")
    panel.set_ylabel("true class")
    panel.set_title(title.replace("_", " "), fontsize=10)
    figure.colorbar(image, ax=panel, label="share of the true class")
    with whole_file(target) as file:
        figure.savefig(file, dpi=150, format=target.suffix.lstrip("."))

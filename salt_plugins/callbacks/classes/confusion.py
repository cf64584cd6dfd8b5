"""Writes and draws the confusion matrix of each validation."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from salt_core.drawing import confusion, paper_style
from salt_core.files import whole_file, write_whole
from salt_core.training.run_directory import run_directory
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
    shares = (counts.double() / counts.sum(1, keepdim=True).clamp(min=1)).numpy()
    with paper_style(), whole_file(target) as file:
        figure = confusion(shares, classes, "class")
        figure.suptitle(title.replace("_", " "))
        figure.savefig(file, format=target.suffix.lstrip("."))

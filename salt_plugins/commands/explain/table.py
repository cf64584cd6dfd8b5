"""What attributions come to over many jets, as a table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from salt_plugins.commands.explain.attribution import Attributions

#: Attributions miss the score by no more than this share of it where there are steps enough.
BOUND = 0.01


@dataclass(frozen=True)
class Row:
    """One variable.

    Parameters
    ----------
    object_name, variable : str
        Which one.
    size : float
        Mean over jets of the absolute attribution.
    signed : mapping of str to float
        Mean attribution of the jets of each true class that the sample has.
    """

    object_name: str
    variable: str
    size: float
    signed: Mapping[str, float] = field(default_factory=dict)


def rows_of(
    parts: Sequence[Attributions],
    truths: Sequence[Tensor | None],
    variables: Mapping[str, Sequence[str]],
    classes: Sequence[str],
) -> list[Row]:
    """Average over all jets.

    Parameters
    ----------
    parts : sequence of Attributions
        One for each batch.
    truths : sequence of Tensor or None
        Index of each jet's true class (B,) by batch; None where it is not known.
    variables : mapping of str to sequence of str
        Names of the variables by object.
    classes : sequence of str
        Names of the classes.
    """
    num_jets = sum(len(part.gained) for part in parts)
    rows = []
    for name, names in variables.items():
        sizes = torch.stack([part.values[name].abs().sum(0) for part in parts]).sum(0) / num_jets
        signed = {one: _mean(parts, truths, name, index) for index, one in enumerate(classes)}
        for place, variable in enumerate(names):
            means = {one: float(mean[place]) for one, mean in signed.items() if mean is not None}
            rows.append(Row(name, variable, float(sizes[place]), means))
    return rows


def _mean(
    parts: Sequence[Attributions], truths: Sequence[Tensor | None], name: str, index: int
) -> Tensor | None:
    """Return the mean attribution (F,) of the jets of one class; None where there are none."""
    chosen = [
        part.values[name][truth == index]
        for part, truth in zip(parts, truths, strict=True)
        if truth is not None
    ]
    count = sum(map(len, chosen))
    return torch.cat(chosen).sum(0) / count if count else None


def shares_missed(parts: Sequence[Attributions]) -> tuple[float, float]:
    """Return mean and largest of what the sums miss, as shares of the mean of what scores gained."""
    num_jets = sum(len(part.gained) for part in parts)
    gained = sum(float(part.gained.abs().sum()) for part in parts) / num_jets
    mean = sum(float(part.missed.sum()) for part in parts) / num_jets
    largest = max(float(part.missed.max()) for part in parts)
    if gained == 0:
        return (0.0, 0.0) if largest == 0 else (float("inf"), float("inf"))
    return mean / gained, largest / gained


def lines_of(rows: Sequence[Row]) -> list[str]:
    """Write the table, the variables of each object by their size."""
    classes = list(rows[0].signed)
    width = max(len("variable"), *(len(row.variable) for row in rows))
    first = max(len("object"), *(len(row.object_name) for row in rows))
    means = "".join(f"  {name:>9}" for name in classes)
    lines = [f"  {'object':<{first}}  {'variable':<{width}}  {'mean |a|':>9}{means}"]
    for row in by_size(rows):
        signed = "".join(f"  {row.signed[name]:>+9.3g}" for name in classes)
        lines.append(f"  {row.object_name:<{first}}  {row.variable:<{width}}  {row.size:>9.3g}{signed}")
    return lines


def csv_of(rows: Sequence[Row]) -> str:
    """Write the table as CSV, in the order of the model's variables."""
    classes = list(rows[0].signed)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["object", "variable", "mean_abs", *(f"mean_{name}" for name in classes)])
    for row in rows:
        writer.writerow([row.object_name, row.variable, row.size, *(row.signed[name] for name in classes)])
    return text.getvalue()


def by_size(rows: Sequence[Row]) -> list[Row]:
    """Sort the variables of each object by their size, the largest first; objects stay in order."""
    objects = list(dict.fromkeys(row.object_name for row in rows))
    return sorted(rows, key=lambda row: (objects.index(row.object_name), -row.size))

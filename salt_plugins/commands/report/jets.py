"""The jets of one run, as the pictures take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from salt_core.errors import ConfigError
from salt_core.evaluation.discriminant import discriminant
from salt_core.nn.classes import probability_names
from salt_plugins.commands.report.reading import Predictions, Run

Array = NDArray[Any]

#: Energies of the field's files are in MeV; a median above this is no value in GeV.
LARGEST_MEDIAN_IN_GEV = 4000
MEV_IN_GEV = 1000


@dataclass(frozen=True)
class Jets:
    """Labelled jets with their predictions.

    Parameters
    ----------
    name : str
        The run.
    classes : sequence of str
        Names of the classes, in the order of their indices.
    probabilities : mapping of str to array
        By class (N,).
    truth : array of int
        Index of each jet's class (N,).
    kinematics : mapping of str to array
        What efficiencies are shown over, by axis label (N,).
    """

    name: str
    classes: Sequence[str]
    probabilities: Mapping[str, Array]
    truth: Array
    kinematics: Mapping[str, Array]

    def scores(self, signal: str, fractions: Mapping[str, float]) -> dict[str, Array]:
        """Return the discriminant of the jets of each class that the sample has."""
        weights = {name: f for name, f in fractions.items() if name != signal and name in self.classes}
        score = discriminant(self.probabilities, signal, weights)
        by_class = {name: score[self.truth == index] for index, name in enumerate(self.classes)}
        return {name: found for name, found in by_class.items() if len(found)}


def jets_of(run: Run, found: Predictions, classes: Sequence[str], axes: Sequence[str]) -> Jets | str:
    """Make the labelled jets of a run, or say what is missing.

    Parameters
    ----------
    run : Run
        The run.
    found : Predictions
        Its predictions.
    classes : sequence of str
        Names of the classes; those of the configuration or the file where empty.
    axes : sequence of str
        Columns to show efficiencies over; those that look like pT and eta where empty.
    """
    head = run.heads.flavour
    label = str(head.get("label") or "flavour_label")
    given = head.get("class_names")
    names = [str(name) for name in (classes or (found.attributes.get(label, ()) if given is None else given))]
    columns = {name: f"{found.model}_{p}" for name, p in zip(names, probability_names(names), strict=True)}
    missing = [column for column in columns.values() if column not in found.jets]
    if run.config and not head and (missing or not names):
        return f"no task of this model classifies {run.global_object}"
    if label not in found.jets:
        return (
            f"the predictions have no labels: test a file that has them, with {label!r} in "
            f"data.extra_vars.{run.global_object}"
        )
    if not names:
        return "nothing names the classes (--classes does)"
    if missing:
        return f"the predictions have no {', '.join(missing)}"
    truth = found.jets[label].astype(int)
    known = (truth >= 0) & (truth < len(names))
    if not known.any():
        return "none of the jets has a label"
    return Jets(
        run.name,
        names,
        {name: found.jets[column][known] for name, column in columns.items()},
        truth[known],
        {key: values[known] for key, values in _kinematics(found, axes).items()},
    )


def _kinematics(found: Predictions, axes: Sequence[str]) -> dict[str, Array]:
    for column in axes:
        if column not in found.jets:
            raise ConfigError(
                f"the predictions have no column {column!r}; they have {', '.join(found.jets)}", "--axis"
            )
    chosen = axes or [c for start in ("pt", "eta") for c in [_like(found, start)] if c]
    return dict(_axis(column, found.jets[column].astype(float)) for column in chosen)


def _like(found: Predictions, start: str) -> str | None:
    return next((column for column in found.jets if column.lower().startswith(start)), None)


def _axis(column: str, values: Array) -> tuple[str, Array]:
    if column.lower().startswith("pt"):
        is_mev = np.nanmedian(values) > LARGEST_MEDIAN_IN_GEV if len(values) else False
        return r"Jet $p_\mathrm{T}$ [GeV]", values / (MEV_IN_GEV if is_mev else 1)
    if column.lower().startswith("eta"):
        return r"Jet $|\eta|$", np.abs(values)
    return column, values

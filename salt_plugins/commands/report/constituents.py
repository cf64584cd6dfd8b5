"""The sections of a report on constituents: their origins, and the vertices that they are put into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from salt_core.drawing import confusion
from salt_core.nn.classes import probability_names
from salt_core.training.run_files import CONFIG_NAME
from salt_plugins.commands.report import numbers, pictures
from salt_plugins.commands.report.reading import Constituents, Predictions, Run
from salt_plugins.commands.report.section import EMPTY, Evaluated, Section, said
from salt_plugins.commands.report.vertices import vertex_finding

Array = NDArray[Any]
FEW = "fewer than two jets have such vertices"


def origins(evaluated: Sequence[Evaluated]) -> Section:
    """Show how well the origins of constituents are told apart."""
    section = Section("Origin of constituents")
    for place, one in enumerate(evaluated):
        run, found, head = one.run, one.found, one.run.heads.origin
        stream = found.constituents.get(str(head.get("input_name"))) if found and head else None
        if found is None or stream is None or not found.num_jets:
            section.words.append(_without_constituents(one, "origins", bool(head)))
            continue
        names = [str(name) for name in head.get("class_names") or ()]
        columns = [f"{found.model}_{name}" for name in probability_names(names)]
        label = str(head.get("label"))
        lacking = [column for column in (*columns, label) if column not in stream.columns]
        if lacking or not names or head.get("label_map"):
            section.words.append(
                f"{run.name}: origins need {', '.join(lacking) or 'class_names'}{_hint(lacking)}."
            )
            continue
        truth = stream.columns[label].astype(int)
        known = (truth >= 0) & (truth < len(names))
        if not known.any():
            section.words.append(f"{run.name}: no constituent has an origin.")
            continue
        predicted = np.stack([stream.columns[column][known] for column in columns]).argmax(axis=0)
        shares = numbers.confusion(truth[known], predicted, len(names))
        section.figures[f"origin_{place}"] = confusion(shares, names, "origin")
    return section


def _without_constituents(one: Evaluated, what: str, has_head: bool) -> str:
    run = one.run
    if not run.config:
        return f"{run.name} has no {CONFIG_NAME}, which tells the task for {what}."
    if has_head and one.found is not None and not one.found.num_jets:
        return f"{run.name}: {EMPTY}."
    if not has_head:
        return f"{run.name} has no task for {what}."
    return f"{run.name}: {what} need predictions of constituents; {run.test_command()} makes them."


def _hint(lacking: Sequence[str]) -> str:
    return " in the file of predictions; labels are named in data.extra_vars" if lacking else ""


def vertices(evaluated: Sequence[Evaluated]) -> Section:
    """Show how well vertices are found."""
    section = Section("Vertex finding", heading=("run", "jets of", "measure", "mean", "jets"))
    points: dict[tuple[str, str], dict[str, tuple[float, float]]] = {}
    for one in evaluated:
        run, found, head = one.run, one.found, one.run.heads.vertexing
        stream = found.constituents.get(str(head.get("input_name"))) if found and head else None
        if found is None or stream is None or not found.num_jets:
            section.words.append(_without_constituents(one, "vertices", bool(head)))
            continue
        wanted = (str(head.get("label")), f"{found.model}_VertexIndex")
        lacking = [column for column in wanted if column not in stream.columns]
        if lacking:
            section.words.append(f"{run.name}: vertices need {', '.join(lacking)}{_hint(lacking)}.")
            continue
        by_class = _vertices_by_class(run, found, stream, wanted)
        if not by_class:
            section.words.append(f"{run.name}: {FEW}.")
        for name, means in by_class.items():
            points[run.name, name] = {measure: (mean, error) for measure, (mean, error, _) in means.items()}
            section.rows += [
                (run.name, name, measure, said(mean, error) if jets > 1 else FEW, f"{jets:,}")
                for measure, (mean, error, jets) in means.items()
            ]
    if points:
        section.figures["vertices"] = pictures.vertices(points)
        section.words.append(
            "Efficiency: share of a true vertex that the found one with most of it holds. Purity: share of a "
            "found vertex that the true one with most of it gives. Both over vertices of two or more."
        )
    return section


def _vertices_by_class(
    run: Run, found: Predictions, stream: Constituents, columns: tuple[str, str]
) -> dict[str, dict[str, tuple[float, float, int]]]:
    truth, predicted = (stream.columns[column].astype(int) for column in columns)
    result = vertex_finding(stream.jets, truth, predicted, found.num_jets)
    label = str(run.heads.flavour.get("label"))
    names = run.heads.flavour.get("class_names")
    names = list(found.attributes.get(label, ()) if names is None else names)
    groups = (
        {str(name): found.jets[label] == index for index, name in enumerate(names)}
        if label in found.jets
        else {}
    )
    measures = ("adjusted Rand index", "efficiency", "purity")
    told = {}
    for name, chosen in (groups or {"all": np.ones(found.num_jets, bool)}).items():
        values = [one[chosen & np.isfinite(one)] for one in result]
        if any(len(one) > 1 for one in values):
            told[name] = {
                measure: (*_mean(one), len(one)) for measure, one in zip(measures, values, strict=True)
            }
    return told


def _mean(values: Array) -> tuple[float, float]:
    """Return the mean with its error; NaN where there are fewer than two values."""
    if len(values) < 2:
        return np.nan, np.nan
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))

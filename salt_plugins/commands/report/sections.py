"""The parts of a report, each of pictures, tables, and words on what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from salt_core.drawing import confusion
from salt_core.errors import ConfigError, suggest
from salt_core.evaluation.discriminant import separation
from salt_core.nn.classes import probability_names
from salt_plugins.commands.report import numbers, pictures
from salt_plugins.commands.report.jets import Jets, jets_of
from salt_plugins.commands.report.reading import CONFIG, METADATA, Constituents, Predictions, Run
from salt_plugins.commands.report.vertices import vertex_finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]
NOT_RECORDED = "not recorded"
EMPTY = "the file of predictions is empty"
FEW = "fewer than two jets have such vertices"
FRACTIONS = {"bjets": {"cjets": 0.2, "taus": 0.01}, "cjets": {"bjets": 0.3, "taus": 0.01}}


@dataclass(frozen=True)
class Options:
    """What the user chose; empty means that the run decides.

    Parameters
    ----------
    signals, classes, axes : sequence of str
        Classes to select, names of all classes, columns to show efficiencies over.
    fractions : mapping of str to float
        Weights of backgrounds in the discriminants.
    points : sequence of float
        Efficiencies of the working points.
    """

    signals: Sequence[str] = ()
    classes: Sequence[str] = ()
    axes: Sequence[str] = ()
    fractions: Mapping[str, float] = field(default_factory=dict)
    points: Sequence[float] = (0.7, 0.77, 0.85)


@dataclass
class Section:
    """A part of the page."""

    title: str
    words: list[str] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    heading: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluated:
    """A run with its predictions, where it has any."""

    run: Run
    found: Predictions | None


def sections_of(evaluated: Sequence[Evaluated], options: Options) -> list[Section]:
    """Make every part of the report."""
    runs = [one.run for one in evaluated]
    jets = [(one.run, _jets(one, options)) for one in evaluated]
    samples = [found for _, found in jets if isinstance(found, Jets)]
    missing = [f"{run.name}: {found}." for run, found in jets if isinstance(found, str)]
    return [
        _training(runs),
        *_flavour(samples, missing, options),
        _origins(evaluated),
        _vertices(evaluated),
        _time(runs),
        _settings(runs),
    ]


def _jets(one: Evaluated, options: Options) -> Jets | str:
    if one.found is None:
        return f"no predictions; {one.run.test_command()} makes them"
    if one.found.num_jets == 0:
        return EMPTY
    return jets_of(one.run, one.found, options.classes, options.axes)


def _training(runs: Sequence[Run]) -> Section:
    section = Section("Training")
    figure = pictures.learning_curves(runs)
    if figure:
        section.figures["learning_curves"] = figure
    section.words += [f"{run.name} has no metrics.csv." for run in runs if not run.metrics]
    return section


def _flavour(samples: Sequence[Jets], missing: list[str], options: Options) -> list[Section]:
    if not samples:
        return [Section("Flavour tagging", missing)]
    made = [_numbers(samples, missing, options)]
    for signal in _signals(samples, options):
        fractions = options.fractions or FRACTIONS.get(signal, {})
        made.append(
            _tagging([s for s in samples if signal in s.scores(signal, {})], signal, fractions, options)
        )
    return [*made, _classes(samples)]


def _signals(samples: Sequence[Jets], options: Options) -> list[str]:
    """Name the classes to select that all runs know and some have."""
    known = samples[0].classes
    for name in (*options.signals, *options.fractions):
        if name not in known:
            raise ConfigError(f"there is no class {name!r}: {suggest(name, known)}", "--signal, --fractions")
    wanted = options.signals or [name for name in FRACTIONS if name in known] or known[:1]
    return [name for name in wanted if any(name in sample.scores(name, {}) for sample in samples)]


def _numbers(samples: Sequence[Jets], missing: list[str], options: Options) -> Section:
    titles = [f"rejection at {point:.0%}" for point in options.points]
    section = Section(
        "Numbers", list(missing), heading=("run", "selected", "against", "jets", "AUC", *titles)
    )
    for sample in samples:
        for signal in _signals(samples, options):
            scores = sample.scores(signal, options.fractions or FRACTIONS.get(signal, {}))
            selected = scores.pop(signal, None)
            if selected is None:
                continue
            cuts = numbers.cuts_at(selected, np.array(options.points))
            for name, found in scores.items():
                cells = [_said(*pair) for pair in zip(*numbers.rejection(found, cuts), strict=True)]
                auc = f"{separation(selected, found, 0.5).auc:.4f}"
                section.rows.append((sample.name, signal, name, f"{len(found):,}", auc, *cells))
    return section


def _said(value: float, error: float) -> str:
    if not np.isfinite(value):
        return "none passes"
    digits = max(0, 1 - int(np.floor(np.log10(error)))) if error > 0 else 2
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _tagging(
    samples: Sequence[Jets], signal: str, fractions: Mapping[str, float], options: Options
) -> Section:
    told = ", ".join(f"f({name}) = {share:g}" for name, share in fractions.items() if name != signal)
    section = Section(f"Selecting {signal}", [f"Discriminant with {told or 'equal fractions'}."])
    if len(samples[0].scores(signal, fractions)) < 2:
        section.words.append("The sample has no other class.")
        return section
    section.figures[f"discriminant_{signal}"] = pictures.discriminants(samples, signal, fractions)
    section.figures[f"roc_{signal}"] = pictures.roc(samples, signal, fractions)
    axes = [axis for axis in samples[0].kinematics if all(axis in sample.kinematics for sample in samples)]
    if not axes:
        section.words.append(
            "No column of pT or eta was written: name them in data.extra_vars, and with --axis."
        )
    for place, axis in enumerate(axes):
        for point in options.points:
            name = f"efficiency_{signal}_{place}_{point:.0%}".replace("%", "")
            section.figures[name] = pictures.efficiencies(samples, signal, fractions, point, axis)
    return section


def _classes(samples: Sequence[Jets]) -> Section:
    section = Section("Classes and calibration")
    for place, sample in enumerate(samples):
        predicted = np.stack(list(sample.probabilities.values())).argmax(axis=0)
        shares = numbers.confusion(sample.truth, predicted, len(sample.classes))
        name = f"confusion_{place}"
        section.figures[name] = confusion(shares, sample.classes, "flavour")
        if len(samples) > 1:
            section.figures[name].suptitle(sample.name, fontsize=10)
    section.figures["calibration"] = pictures.calibration(samples)
    return section


def _origins(evaluated: Sequence[Evaluated]) -> Section:
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
        return f"{run.name} has no {CONFIG}, which tells the task for {what}."
    if has_head and one.found is not None and not one.found.num_jets:
        return f"{run.name}: {EMPTY}."
    if not has_head:
        return f"{run.name} has no task for {what}."
    return f"{run.name}: {what} need predictions of constituents; {run.test_command()} makes them."


def _hint(lacking: Sequence[str]) -> str:
    return " in the file of predictions; labels are named in data.extra_vars" if lacking else ""


def _vertices(evaluated: Sequence[Evaluated]) -> Section:
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
                (run.name, name, measure, _said(mean, error) if jets > 1 else FEW, f"{jets:,}")
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


def _time(runs: Sequence[Run]) -> Section:
    heading = ("run", "started", "ended", "outcome", "median jets/s", *pictures.PARTS_OF_TIME)
    section = Section("Where the time went", heading=heading)
    for run in runs:
        rates = pictures.metric(run, "train/jets_per_s")[1]
        times = pictures.seconds(run)
        section.rows.append(
            (
                run.name,
                *(str(run.metadata.get(key) or NOT_RECORDED) for key in ("started", "ended", "outcome")),
                f"{np.median(rates):,.0f}" if len(rates) else NOT_RECORDED,
                *(f"{times[part]:,.1f} s" if times else NOT_RECORDED for part in pictures.PARTS_OF_TIME),
            )
        )
    drawn = {"shares_of_time": pictures.shares_of_time(runs), "jets_per_second": pictures.speed(runs)}
    section.figures |= {name: figure for name, figure in drawn.items() if figure}
    if len(section.figures) < len(drawn):
        section.words.append(
            "The callback throughput logs the seconds of each epoch, and train/jets_per_s every "
            "trainer.log_every_n_steps steps."
        )
    return section


def _settings(runs: Sequence[Run]) -> Section:
    section = Section("Configuration and metadata")
    for run in runs:
        for name, content in ((CONFIG, run.config), (METADATA, run.metadata)):
            if content:
                section.texts[f"{run.name}/{name}"] = yaml.safe_dump(dict(content), sort_keys=False)
            else:
                section.words.append(f"{run.name} has no {name}.")
    return section

"""The sections of a report on flavour tagging: numbers, discriminants and rejections, confusion and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from salt_core.drawing import confusion
from salt_core.errors import ConfigError, suggest
from salt_core.evaluation.discriminant import separation
from salt_plugins.commands.report import numbers, pictures
from salt_plugins.commands.report.jets import Jets, jets_of
from salt_plugins.commands.report.section import EMPTY, Evaluated, Options, Section, said

FRACTIONS = {"bjets": {"cjets": 0.2, "taus": 0.01}, "cjets": {"bjets": 0.3, "taus": 0.01}}


def flavour_sections(evaluated: Sequence[Evaluated], options: Options) -> list[Section]:
    """Show how well the runs tell the flavours of jets apart."""
    jets = [(one.run, _jets(one, options)) for one in evaluated]
    samples = [found for _, found in jets if isinstance(found, Jets)]
    missing = [f"{run.name}: {found}." for run, found in jets if isinstance(found, str)]
    if not samples:
        return [Section("Flavour tagging", missing)]
    made = [_numbers(samples, missing, options)]
    for signal in _signals(samples, options):
        fractions = options.fractions or FRACTIONS.get(signal, {})
        made.append(
            _tagging([s for s in samples if signal in s.scores(signal, {})], signal, fractions, options)
        )
    return [*made, _classes(samples)]


def _jets(one: Evaluated, options: Options) -> Jets | str:
    if one.found is None:
        return f"no predictions; {one.run.test_command()} makes them"
    if one.found.num_jets == 0:
        return EMPTY
    return jets_of(one.run, one.found, options.classes, options.axes)


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
                cells = [said(*pair) for pair in zip(*numbers.rejection(found, cuts), strict=True)]
                auc = f"{separation(selected, found, 0.5).auc:.4f}"
                section.rows.append((sample.name, signal, name, f"{len(found):,}", auc, *cells))
    return section


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

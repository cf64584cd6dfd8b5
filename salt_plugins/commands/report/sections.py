"""The parts of a report, each of pictures, tables, and words on what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from salt_core.config.yaml import dump_yaml
from salt_core.training.run_files import CONFIG_NAME, METADATA_NAME, METRICS_NAME
from salt_plugins.commands.report import history
from salt_plugins.commands.report.constituents import origins, vertices
from salt_plugins.commands.report.flavour import flavour_sections
from salt_plugins.commands.report.reading import Run
from salt_plugins.commands.report.section import Evaluated, Options, Section

NOT_RECORDED = "not recorded"


def sections_of(evaluated: Sequence[Evaluated], options: Options) -> list[Section]:
    """Make every part of the report."""
    runs = [one.run for one in evaluated]
    return [
        _training(runs),
        *flavour_sections(evaluated, options),
        origins(evaluated),
        vertices(evaluated),
        _time(runs),
        _settings(runs),
    ]


def _training(runs: Sequence[Run]) -> Section:
    section = Section("Training")
    figure = history.learning_curves(runs)
    if figure:
        section.figures["learning_curves"] = figure
    section.words += [f"{run.name} has no {METRICS_NAME}." for run in runs if not run.metrics]
    return section


def _time(runs: Sequence[Run]) -> Section:
    heading = ("run", "started", "ended", "outcome", "median jets/s", *history.PARTS_OF_TIME)
    section = Section("Where the time went", heading=heading)
    for run in runs:
        rates = history.metric(run, "train/jets_per_s")[1]
        times = history.seconds(run)
        section.rows.append(
            (
                run.name,
                *(str(run.metadata.get(key) or NOT_RECORDED) for key in ("started", "ended", "outcome")),
                f"{np.median(rates):,.0f}" if len(rates) else NOT_RECORDED,
                *(f"{times[part]:,.1f} s" if times else NOT_RECORDED for part in history.PARTS_OF_TIME),
            )
        )
    drawn = {"shares_of_time": history.shares_of_time(runs), "jets_per_second": history.speed(runs)}
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
        for name, content in ((CONFIG_NAME, run.config), (METADATA_NAME, run.metadata)):
            if content:
                section.texts[f"{run.name}/{name}"] = dump_yaml(content)
            else:
                section.words.append(f"{run.name} has no {name}.")
    return section

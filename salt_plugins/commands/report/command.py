"""``salt report``: reads runs and their predictions, and writes the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salt_core.errors import ConfigError
from salt_core.files import shown

if TYPE_CHECKING:
    from salt_plugins.commands.report.section import Evaluated

MOST_JETS = 500_000


@click.command("report")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--out", metavar="FOLDER", type=click.Path(path_type=Path), help="Where to write; RUN/report.")
@click.option(
    "--predictions",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A file that salt test wrote, one for each run in order; the run's newest where not given.",
)
@click.option("--signal", "signals", multiple=True, metavar="CLASS", help="A class to select; repeatable.")
@click.option(
    "--fractions", multiple=True, metavar="CLASS=F", help="Weight of a background in the discriminants."
)
@click.option(
    "--working_points", default="0.7,0.77,0.85", show_default=True, help="Efficiencies, with commas between."
)
@click.option("--classes", default="", help="Names of the classes in order, with commas between.")
@click.option(
    "--axis", "axes", multiple=True, metavar="COLUMN", help="Show efficiencies over it; repeatable."
)
@click.option("--formats", default="png,pdf", show_default=True, help="Formats of the pictures' own files.")
@click.option(
    "--num_jets",
    "--jets",
    "most",
    type=click.IntRange(min=1),
    default=MOST_JETS,
    show_default=True,
    help="Most jets to read of each file.",
)
def report(
    runs: tuple[Path, ...],
    out: Path | None,
    predictions: tuple[Path, ...],
    signals: tuple[str, ...],
    fractions: tuple[str, ...],
    working_points: str,
    classes: str,
    axes: tuple[str, ...],
    formats: str,
    most: int,
) -> None:
    """Draw what trained models can do: one page of pictures and numbers, for one run or several."""
    # Numpy and matplotlib take their time, which the help need not.
    from salt_core.drawing import paper_style
    from salt_plugins.commands.report.page import write_report
    from salt_plugins.commands.report.section import Options
    from salt_plugins.commands.report.sections import sections_of

    options = Options(
        signals, _words(classes), axes, dict(_fraction(word) for word in fractions), _points(working_points)
    )
    endings = _formats(formats)
    evaluated = _evaluated(runs, predictions, most)
    found = [one.run for one in evaluated]
    sources = [
        f"{run.path}: {run.predictions.name if run.predictions else 'no predictions'}" for run in found
    ]
    title = " and ".join(run.name for run in found)
    with paper_style():
        page = write_report(
            out or runs[0] / "report", title, sources, sections_of(evaluated, options), endings
        )
    for run in found:
        if run.predictions is None:
            click.echo(f"{run.name} has no predictions; {run.test_command()} makes them")
    click.echo(f"the report is {shown(page.resolve())}")


def _evaluated(runs: Sequence[Path], predictions: Sequence[Path], most: int) -> list[Evaluated]:
    """Read runs with at most `most` jets of the predictions of each, of files where these are named."""
    from salt_plugins.commands.report.reading import names_of, read_predictions, read_run
    from salt_plugins.commands.report.section import Evaluated

    if predictions and len(predictions) != len(runs):
        raise ConfigError(
            f"{len(predictions)} files for {len(runs)} runs; give one for each", "--predictions"
        )
    files = predictions or (None,) * len(runs)
    found = [read_run(path, file, name) for path, file, name in zip(runs, files, names_of(runs), strict=True)]
    return [Evaluated(run, read_predictions(run, most)) for run in found]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _fraction(word: str) -> tuple[str, float]:
    name, _, value = word.partition("=")
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not name or not 0 <= share <= 1:
        raise ConfigError(f"{word!r} is not a class with a share, such as cjets=0.2", "--fractions")
    return name, share


def _points(text: str) -> list[float]:
    try:
        points = [float(word) for word in _words(text)]
    except ValueError:
        points = []
    if not points or not all(0 < point < 1 for point in points):
        raise ConfigError(
            f"{text!r} is no list of shares between 0 and 1, such as 0.7,0.85", "--working_points"
        )
    return points


def _formats(text: str) -> list[str]:
    chosen, known = _words(text), ("png", "pdf", "svg")
    for word in chosen:
        if word not in known:
            raise ConfigError(f"{word!r} is none of {', '.join(known)}", "--formats")
    return chosen

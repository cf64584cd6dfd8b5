"""``salt explain``: which variables a class score is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salt_core.errors import ConfigError, RunError, suggest
from salt_core.files import shown, write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from salt_core import JetBatch, Task
    from salt_core.training.module import SaltModule
    from salt_plugins.commands.explain.attribution import Attributions
    from salt_plugins.commands.explain.table import Row

BATCH_SIZE = 200
BASELINES = ("zero", "sample")


@dataclass(frozen=True)
class ClassScore:
    """The log-odds that one task gives jets for one class.

    Parameters
    ----------
    module : SaltModule
        The model.
    task : Task
        The task.
    wanted : str
        The class.
    """

    module: SaltModule
    task: Task
    wanted: str

    def __call__(self, batch: JetBatch) -> Tensor:
        """Return the score of each jet (B,) of a normalised batch."""
        from salt_core.nn.classes import probability_names
        from salt_plugins.commands.explain.attribution import log_odds

        names = probability_names(self.task.class_names)
        place = list(self.task.class_names).index(self.wanted)
        columns = jet_columns(self.module, self.task, batch)
        return log_odds({name: columns[name] for name in names}, names, names[place])


@click.command("explain")
@click.argument("model", metavar="RUN|CKPT", type=click.Path(path_type=Path))
@click.option(
    "--jets", metavar="H5", type=click.Path(path_type=Path), help="Jets to explain; the run's test sample."
)
@click.option("--class", "wanted", metavar="CLASS", help="The class; the first of the task.")
@click.option("--task", "task_name", metavar="NAME", help="The task; the first that classifies jets.")
@click.option("--num_jets", type=click.IntRange(min=1), default=1000, show_default=True, help="How many.")
@click.option(
    "--steps", type=click.IntRange(min=1), default=64, show_default=True, help="Points of the integral."
)
@click.option(
    "--baseline",
    type=click.Choice(BASELINES),
    default="zero",
    show_default=True,
    help="Where the integral begins: all variables at the mean of the training sample, or of these jets.",
)
@click.option("--out", metavar="FOLDER", type=click.Path(path_type=Path), help="Where to write; RUN/explain.")
@click.option(
    "--plugins", multiple=True, metavar="PY", help="Plugin file that a CKPT alone needs; repeatable."
)
def explain(
    model: Path,
    jets: Path | None,
    wanted: str | None,
    task_name: str | None,
    num_jets: int,
    steps: int,
    baseline: str,
    out: Path | None,
    plugins: tuple[str, ...],
) -> None:
    """Tell which variables the score of a class is made of, by integrated gradients.

    The score is log(p / (1 - p)) of the class. What a variable of constituents gives is summed over a jet's
    constituents. A table is printed and written as CSV, with a picture as PNG and PDF.
    """
    import salt_core
    from salt_plugins.commands.explain.attribution import attribute, inputs_of, mean_inputs
    from salt_plugins.commands.explain.table import csv_of, lines_of, rows_of

    if out is not None and out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is no folder", "--out")
    trained = salt_core.load(model, plugins)
    source = jets or trained.own_sample()
    if source is None:
        raise ConfigError("the run's own test and validation samples are not there; name a file", "--jets")
    read = trained.batches(source, BATCH_SIZE, num_jets, "--jets")
    batches = [trained.module.normalise(batch) for batch in read]
    task = _task(trained.module, batches[0], task_name)
    score = ClassScore(trained.module, task, _class(task, wanted))
    begin = mean_inputs(batches)
    if baseline == "zero":
        begin = {name: mean.new_zeros(mean.shape) for name, mean in begin.items()}
    parts = [attribute(score, batch, begin, steps) for batch in batches]
    variables = {name: trained.module.facts.variables.get(name, ()) for name in inputs_of(batches[0])}
    rows = rows_of(parts, [task.true_classes(batch) for batch in batches], variables, task.class_names)
    told = f"{sum(batch.num_jets for batch in batches)} {trained.module.facts.global_object} of {source}"
    click.echo(f"Attribution to the log-odds of {score.wanted}, {told}")
    click.echo("\n".join(lines_of(rows)))
    _tell_completeness(parts, steps)
    _write(out or (model if model.is_dir() else model.parent) / "explain", score.wanted, rows, csv_of(rows))


def jet_columns(module: SaltModule, task: Task, batch: JetBatch) -> dict[str, Tensor]:
    """Return the columns that a task writes for the jets of a normalised batch, by its head alone."""
    streams = module.encoder.encode(batch)
    predictions = task(module.encoder.pool(streams, batch), streams, batch)
    return dict(task.outputs(predictions, batch).get(batch.global_object, {}))


def _task(module: SaltModule, batch: JetBatch, named: str | None) -> Task:
    """Return the task of that name, or the first, of those that give jets a probability of each class."""
    import torch

    from salt_core.nn.classes import probability_names

    with torch.no_grad():
        found = {
            name: task
            for name, task in module.heads.items()
            if task.class_names
            and set(probability_names(task.class_names)) <= jet_columns(module, task, batch).keys()
        }
    if not found:
        raise ConfigError(
            f"no task of this model classifies {batch.global_object}, so there is no class score to explain; "
            f"its tasks: {', '.join(module.heads)}"
        )
    if named is None:
        return next(iter(found.values()))
    if named not in found:
        raise ConfigError(
            f"no task {named!r} classifies {batch.global_object}; {suggest(named, found)}", "--task"
        )
    return found[named]


def _class(task: Task, wanted: str | None) -> str:
    names = list(task.class_names)
    if wanted is not None and wanted not in names:
        raise ConfigError(f"no class {wanted!r}; {suggest(wanted, names)}", "--class")
    return wanted or names[0]


def _tell_completeness(parts: Sequence[Attributions], steps: int) -> None:
    """Say how far the attributions are from what they have to sum to; warn where that is too far."""
    from salt_plugins.commands.explain.table import BOUND, shares_missed

    mean, largest = shares_missed(parts)
    click.echo(
        f"Sums of attributions miss what the scores gain on the baseline by {mean:.2g} of it on average, "
        f"{largest:.2g} at most (bound on the average: {BOUND:g})"
    )
    if not mean <= BOUND:
        click.echo(f"warning: {steps} steps are too few; give more with --steps", err=True)


def _write(folder: Path, wanted: str, rows: Sequence[Row], table: str) -> None:
    from salt_plugins.commands.explain.picture import write_picture

    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{wanted}.csv", table)
        for ending in ("png", "pdf"):
            write_picture(folder / f"{wanted}.{ending}", rows, wanted)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}") from error
    click.echo(f"wrote {wanted}.csv, .png and .pdf in {shown(folder.absolute())}")

"""Inputs and labels of a part of a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from salt_core.checks.report import Report
from salt_core.data.batch import JetBatch
from salt_core.data.files import names_of
from salt_core.data.module import SaltDataModule
from salt_core.data.request import Position, Sample, Selection
from salt_core.errors import SaltError, located
from salt_core.interfaces.task import Task

#: Jets in a piece.
PIECE = 1000

#: Pieces of a sample that are looked at, spread over all of it.
PIECES = 20


def look_at_sample(
    data: SaltDataModule, sample: Sample, tasks: Mapping[str, Task], report: Report, pieces: int = PIECES
) -> None:
    """Read some of a sample, and note inputs that are not finite and labels that no task can use.

    Parameters
    ----------
    data : SaltDataModule
        Built for the tasks.
    sample : str
        Which one.
    tasks : mapping of str to Task
        Those that are built.
    report : Report
        Takes the problems, and what was seen.
    pieces : int, optional
        Pieces of `PIECE` jets to read.
    """
    if _is_empty(data, sample):
        return
    found = list(_pieces(data, sample, data.selection(), pieces))
    faults = [one for one in found if isinstance(one, SaltError)]
    with report.collecting(), located(f"data.{sample}_file"):
        if faults:
            raise faults[0]
    batches = [one for one in found if isinstance(one, JetBatch)]
    for name, task in tasks.items():
        labels = _labels(data, sample, task, pieces) if faults else batches
        _check_labels(name, task, labels, sample, report)
    if batches:
        report.seen[sample] = _seen(data, sample, batches)


def _is_empty(data: SaltDataModule, sample: Sample) -> bool:
    """Tell whether a sample has no jets, which is told elsewhere."""
    try:
        return data.contents(sample).num_jets == 0
    except SaltError:
        return False


def _pieces(
    data: SaltDataModule, sample: Sample, selection: Selection, number: int
) -> Iterator[JetBatch | SaltError]:
    """Yield pieces of a sample, or what is wrong with them."""
    done = 0
    try:
        loader = data.pieces(sample, selection, PIECE, lambda: Position(0, done))
    except SaltError as error:
        yield error
        return
    while done < min(number, len(loader)):
        try:
            yield next(iter(loader))
        except SaltError as error:
            yield error
        done += 1


def _labels(data: SaltDataModule, sample: Sample, task: Task, number: int) -> Sequence[JetBatch]:
    """Read the columns of one task alone, where not all of the sample can be read."""
    wanted = {name: tuple(names) for name, names in task.columns().items() if name in data.datasets}
    columns = data.derived.in_files(wanted)
    nothing: Mapping[str, tuple[str, ...]] = dict.fromkeys((data.global_object, *columns), ())
    selection = replace(data.selection(), variables=nothing, columns=columns)
    found = _pieces(data, sample, selection, number)
    return [one for one in found if isinstance(one, JetBatch)]


def _check_labels(name: str, task: Task, batches: Sequence[JetBatch], sample: Sample, report: Report) -> None:
    """Note the first batch whose labels a task cannot use."""
    before = len(report.problems)
    for check in (partial(task.check, batch) for batch in batches):
        with report.collecting(), located(f"model.tasks.{name} (data.{sample}_file)"):
            check()
        if len(report.problems) > before:
            return


def _seen(data: SaltDataModule, sample: Sample, batches: Sequence[JetBatch]) -> str:
    """Tell how much there is, how much was read, and how many constituents a jet has."""
    jets = sum(batch.num_jets for batch in batches)
    streams = [
        f"{sum(len(batch.streams[name].x) for batch in batches) / jets:.1f} {name} each"
        for name in batches[0].streams
    ]
    used = data.samples.used(sample, data.contents(sample).num_jets)
    read = "all" if jets == used else f"{jets:,}"
    return ", ".join(
        [f"{used:,} {data.global_object} of {names_of(data.files(sample))}, {read} read", *streams]
    )

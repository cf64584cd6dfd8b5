"""``salt data inspect``: what files hold, at a glance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from salt_core.data.file_report import Constituents, Dataset, Field, Label, Report
from salt_core.data.files import files_named
from salt_core.data.survey import bytes_to_read, survey
from salt_core.errors import DataError, SaltError, raise_all
from salt_core.sizes import readable

MOST_LINES = 20
LONGEST_TEXT = 100


@click.command("inspect")
@click.argument("files", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON list, one item for each file.")
@click.option("--quick", is_flag=True, help="Read the headers alone and no values.")
def inspect(files: tuple[str, ...], as_json: bool, quick: bool) -> None:
    """Show what FILES hold: datasets, fields, constituents, classes, and what is not finite.

    Numbers of a stream, a dataset (jets, slots) with a field 'valid', are those of its valid constituents
    alone. Wildcards may be quoted.
    """
    reports: list[Report] = []
    faults: list[SaltError] = []
    for path in files_named(files, "FILES"):
        try:
            report = _survey(path, quick)
        except SaltError as fault:
            faults.append(fault)
            continue
        reports.append(report)
        faults += map(DataError, report.faults)
        if not as_json:
            click.echo(("\n" if len(reports) > 1 else "") + "\n".join(lines_of(report)))
    if as_json:
        click.echo(json.dumps([asdict(report) for report in reports], indent=2))
    raise_all(faults)


def _survey(path: Path, quick: bool) -> Report:
    if quick:
        return survey(path, quick=True)
    total = bytes_to_read(path)
    with tqdm(
        total=total, desc=path.name, unit="B", unit_scale=True, disable=None, leave=False, delay=1
    ) as bar:
        return survey(path, progress=bar.update)


def lines_of(report: Report) -> Iterator[str]:
    """Write a report for a person."""
    yield f"{report.file}  {readable(report.bytes)}"
    yield from _attributes(report.attributes)
    for dataset in report.datasets:
        yield ""
        yield from _dataset(dataset)


def _dataset(dataset: Dataset) -> Iterator[str]:
    link = f" -> {dataset.link}" if dataset.link else ""
    yield f"{dataset.path}{link}  {'  '.join(_facts(dataset))}".rstrip()
    named = {label.name for label in dataset.labels}
    yield from _attributes({key: value for key, value in dataset.attributes.items() if key not in named})
    yield from _few([f"  reads {source}" for source in dataset.sources], "sources")
    if dataset.lost:
        yield f"  GONE, read as blanks: {', '.join(dataset.lost)}"
    if dataset.fault:
        yield f"  NOT READ: {dataset.fault}"
    if dataset.value is not None:
        yield f"  value: {_short(dataset.value)}"
    if dataset.constituents:
        yield from _constituents(dataset.constituents)
    yield from _fields(dataset.fields)
    for label in dataset.labels:
        yield from _label(label)


def _facts(dataset: Dataset) -> Iterator[str]:
    if dataset.kind != "dataset":
        yield dataset.kind
    if dataset.kind in ("group", "broken link"):
        return
    if not dataset.fields[0].name:
        yield dataset.fields[0].type
    if dataset.shape is None:
        yield "empty"
        return
    rows = " rows" if len(dataset.shape) == 1 else ""
    yield "scalar" if dataset.shape == () else f"{_times(dataset.shape)}{rows}"
    if dataset.chunks:
        yield f"chunks {_times(dataset.chunks)}"
    raw, stored = dataset.raw_bytes, dataset.stored_bytes
    if stored is not None:
        yield ", ".join(dataset.filters) or "not compressed"
    if raw and stored is not None:
        yield f"{readable(raw)} raw, {readable(stored)} stored ({stored / raw:.0%})"


def _times(shape: Sequence[int]) -> str:
    return " x ".join(f"{size:,}" for size in shape)


def _attributes(attributes: dict[str, Any]) -> Iterator[str]:
    for name, value in attributes.items():
        yield f"  {name}: {_short(value)}"


def _short(value: Any) -> str:
    if value is None:
        return "empty"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _constituents(found: Constituents) -> Iterator[str]:
    yield (
        f"  {found.mean:.2f} valid per jet, at most {found.most}; {found.empty_jets:,} jets without any; "
        f"{found.padding:.1%} of the slots are padding"
    )


def _fields(fields: Sequence[Field]) -> Iterator[str]:
    read = any(field.mean is not None for field in fields)
    if not fields or (not read and not fields[0].name):  # a plain dataset's type stands in its first line
        return
    head = ("field", "type", *(("mean", "std", "min", "max", "not finite") if read else ()))
    rows = [(field.name or "values", field.type, *(_numbers(field) if read else ())) for field in fields]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[2:6], widths[2:6], strict=True)]
        yield "  " + "  ".join([*left, *right, *row[6:]]).rstrip()


def _numbers(field: Field) -> tuple[str, ...]:
    values = (field.mean, field.std, field.minimum, field.maximum)
    texts = [(field.nan, "NaN"), (field.infinite, "inf")]
    not_finite = ", ".join(f"{number:,} {word}" for number, word in texts if number)
    return (*("" if value is None else f"{value:.4g}" for value in values), not_finite)


def _label(label: Label) -> Iterator[str]:
    yield f"  {label.name}"
    if label.classes is None:
        yield "    too many different values to be classes"
        return
    names = max((len(item.name or "") for item in label.classes), default=0)
    numbers = max((len(f"{item.count:,}") for item in label.classes), default=0)
    lines = [
        f"    {item.value:>6}  {item.name or '':<{names}}  {item.count:>{numbers},}  {item.share:6.1%}"
        for item in label.classes
    ]
    yield from _few(lines, "values")


def _few(lines: Sequence[str], what: str) -> Iterator[str]:
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"    and {len(lines) - MOST_LINES} more {what}"

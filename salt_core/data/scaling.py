"""Making the norm dict and the class dict of a sample, in one pass over its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from salt_core.data.blocks import Array, read_blocks, valid_entries
from salt_core.data.cuts import all_passed
from salt_core.data.hdf5 import opened
from salt_core.data.plan import Plan
from salt_core.data.statistics import Moments, ValueCounts
from salt_core.errors import ConfigError, DataError, SaltError, raise_all

Progress = Callable[[int], object]


@dataclass(frozen=True)
class Dicts:
    """The dicts, and what a user should know of them.

    Parameters
    ----------
    norm_dict : dict
        Mean and standard deviation by object and variable.
    class_dict : dict
        Weights of the classes by object and label.
    num_rows : int
        Rows read of each dataset.
    num_passing : int
        Those of them that count, for their jets pass all cuts.
    left_out : dict of str to str
        Reason why a dataset, variable or label is not in them.
    not_finite : dict of str to str
        How many values of a variable are not finite and count for nothing.
    """

    norm_dict: dict[str, dict[str, dict[str, float]]]
    class_dict: dict[str, dict[str, list[float]]]
    num_rows: int
    num_passing: int
    left_out: dict[str, str]
    not_finite: dict[str, str]


def make_dicts(
    files: Sequence[Path], plan: Plan, num_jets: int | None = None, progress: Progress = lambda _: None
) -> Dicts:
    """Make both dicts of files that read as one sample.

    Parameters
    ----------
    files : sequence of Path
        The files, in order.
    plan : Plan
        What to read of them.
    num_jets : int, optional
        How many rows of each object to read; all by default.
    progress : callable, optional
        Told how many raw bytes were read since it was last called.

    Raises
    ------
    ConfigError
        Where a label that was asked for has no classes.
    DataError
        Where a file cannot be read, or no variable is left.
    """
    counted = count(files, plan, num_jets, progress)
    left_out, not_finite = dict(plan.left_out), {}
    norm_dict: dict[str, dict[str, dict[str, float]]] = {}
    for name, variable, moments in _each(counted.moments):
        reason = _why_useless(moments)
        if reason:
            left_out[f"{name}/{variable}"] = reason
        else:
            norm_dict.setdefault(name, {})[variable] = {"mean": moments.mean, "std": moments.std}
        if moments.not_finite:
            parts = f"{moments.nans:,} NaN and {moments.infinities:,} infinite"
            not_finite[f"{name}/{variable}"] = f"{parts} of {moments.total:,} values"
    if not norm_dict:
        reasons = [f"  {path}: {reason}" for path, reason in left_out.items()]
        raise DataError("\n".join(["no variable is left to normalise; left out:", *(reasons or ["  none"])]))
    class_dict = _class_dict(plan, counted, left_out)
    return Dicts(norm_dict, class_dict, sum(plan.limited(num_jets)), counted.num_jets, left_out, not_finite)


@dataclass
class Counted:
    """What one pass over the files has found.

    Parameters
    ----------
    moments : dict of str to dict of str to Moments
        By object and variable.
    counts : dict of str to dict of str to ValueCounts
        By object and label.
    num_jets : int
        Jets that pass all cuts.
    """

    moments: dict[str, dict[str, Moments]]
    counts: dict[str, dict[str, ValueCounts]]
    num_jets: int = 0

    def add(self, name: str, entries: Array) -> None:
        """Add entries of an object."""
        for column, moments in self.moments[name].items():
            moments.add(entries[column])
        for column, values in self.counts[name].items():
            values.add(entries[column])


def count(files: Sequence[Path], plan: Plan, num_jets: int | None, progress: Progress) -> Counted:
    """Read what `plan` names, once."""
    counted = Counted(
        {name: {column: Moments() for column in columns} for name, columns in plan.variables.items()},
        {name: {column: ValueCounts() for column in labels} for name, labels in plan.labels.items()},
    )
    for path, num_rows in zip(files, plan.limited(num_jets), strict=True):
        if num_rows:
            with opened(path) as file:
                passing = _passing(file, plan, num_rows)
                counted.num_jets += int(passing.sum())
                for name in plan.datasets:
                    _count_object(file, plan, name, passing, counted, progress)
    return counted


def _passing(file: h5py.File, plan: Plan, num_rows: int) -> Array:
    """Tell which of the first rows of a file are jets that pass (B,)."""
    passing: Array = np.ones(num_rows, dtype=bool)
    if plan.jet_cuts:
        start = 0
        for rows in read_blocks(file[plan.jets], num_rows):
            passing[start : start + len(rows)] = all_passed(plan.jet_cuts, rows)
            start += len(rows)
    return passing


def _count_object(
    file: h5py.File, plan: Plan, name: str, passing: Array, counted: Counted, progress: Progress
) -> None:
    start = 0
    for rows in read_blocks(file[plan.datasets[name]], len(passing)):
        kept = passing[start : start + len(rows)]
        start += len(rows)
        entries = valid_entries(rows if kept.all() else rows[kept])
        if name in plan.cuts:
            entries = entries[all_passed(plan.cuts[name], entries)]
        counted.add(name, entries)
        progress(len(rows) * plan.row_bytes[name])


def _each(table: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """List the values of a table by object and column."""
    for name, columns in table.items():
        for column, value in columns.items():
            yield name, column, value


def _why_useless(moments: Moments) -> str:
    """Say why a variable cannot be scaled in 32 bits, as models do; nothing where it can."""
    if not moments.count:
        return "it has no finite value"
    if moments.minimum == moments.maximum:
        return f"it is {moments.mean:g} everywhere, so that there is no width to divide by"
    with np.errstate(over="ignore", under="ignore"):
        mean, std = np.float32(moments.mean), np.float32(moments.std)
    if not np.isfinite(mean) or not np.isfinite(std) or std < np.finfo(np.float32).tiny:
        return f"mean {moments.mean:g} and std {moments.std:g} are beyond the range of 32-bit numbers"
    return ""


def _class_dict(plan: Plan, counted: Counted, left_out: dict[str, str]) -> dict[str, dict[str, list[float]]]:
    faults: list[SaltError] = []
    found: dict[str, dict[str, list[float]]] = {}
    for name, column, counts in _each(counted.counts):
        label, path = plan.labels[name][column], f"{name}/{column}"
        try:
            weights = class_weights_of(counts, label.names)
        except DataError as fault:
            if label.asked:
                faults.append(ConfigError(fault.message, f"--label {path}"))
            else:
                left_out[path] = f"{left_out.get(path, 'a label')}; no class weights, for {fault.message}"
        else:
            found.setdefault(name, {})[column] = weights
            left_out.pop(path, None)
    raise_all(faults)
    return found


def class_weights_of(counts: ValueCounts, names: Sequence[str] | None) -> list[float]:
    """Weigh classes by how rare they are: entries / (classes * entries of the class).

    Parameters
    ----------
    counts : ValueCounts
        How often each value occurs; negative ones are no class and do not count.
    names : sequence of str or None
        The names of the classes, where they are known; otherwise the largest value tells their number.

    Raises
    ------
    DataError
        Where the values are not the classes 0 to C - 1, at least two of them, all of which occur.
    """
    if counts.too_many:
        raise DataError("it has too many different values to be classes")
    classes = {value: number for value, number in counts.counts.items() if value >= 0}
    expected = range(len(names) if names else max(classes, default=-1) + 1)
    beyond = sorted(set(classes) - set(expected))
    if beyond:
        raise DataError(f"it has the value {beyond[0]}, but the file names only {len(expected)} classes")
    if len(expected) < 2:
        raise DataError("it has fewer than two classes")
    missing = [value for value in expected if value not in classes]
    if missing:
        first = ", ".join(f"{value} ({names[value]})" if names else str(value) for value in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        word = "class" if len(missing) == 1 else "classes"
        raise DataError(f"{word} {first}{more} of the {len(expected)} from 0 to {expected[-1]} never occur")
    total = sum(classes.values())
    return [total / (len(expected) * classes[value]) for value in expected]

"""The metrics of a run as one CSV file, which goes on where it ended."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from salt_core.files import write_whole
from salt_core.training.run_directory import RunDirectory
from salt_core.training.run_files import METRICS_NAME, read_metrics

FIRST_COLUMNS = ["epoch", "step"]


class MetricsLogger(Logger):
    """Writes a row for each call: epoch, step, and what was logged; other columns stay empty.

    Parameters
    ----------
    directory : RunDirectory
        The run's folder, which holds the file.

    Attributes
    ----------
    rows : int
        Rows of the file.
    """

    def __init__(self, directory: RunDirectory) -> None:
        super().__init__()
        self.directory = directory
        self._columns: list[str] | None = None
        self.rows = 0

    def go_on(self, path: Path, rows: int) -> None:
        """Begin with the first `rows` of another metrics file, or of the own one.

        A checkpoint of a validation knows no rows that end the epoch: those that were written stay too, for
        what ended is not logged again.
        """
        found = read_metrics(path)
        found = found[:rows] + list(_end_of_epoch(found[:rows], found[rows:]))
        self.rows = len(found)
        self._columns = None
        if found:
            self._write(list(found[0]), found)
        else:
            self.path.unlink(missing_ok=True)

    @property
    def path(self) -> Path:
        """The CSV file."""
        return self.directory.path / METRICS_NAME

    @property
    def save_dir(self) -> str:
        """The run's folder."""
        return str(self.directory.path)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.directory.path.name

    @property
    def version(self) -> str:
        """Nothing: the folder's name tells runs apart."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Write nothing: the configuration has a file of its own."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append one row."""
        row = {"step": step, **metrics}
        columns = self._columns_for(row)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, columns).writerow(row)
        self.rows += 1

    def _columns_for(self, row: Mapping[str, Any]) -> list[str]:
        """Return the file's columns, widened where `row` brings new ones."""
        known = self._columns if self._columns is not None else self._header()
        new = [column for column in row if column not in known]
        if new or not known:
            start = known or FIRST_COLUMNS
            known = [*start, *(column for column in new if column not in start)]
            self._write(known, read_metrics(self.path))
        self._columns = known
        return known

    def _header(self) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])

    def _write(self, columns: list[str], rows: Sequence[Mapping[str, str]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self.path, text.getvalue())


def _end_of_epoch(
    before: Sequence[Mapping[str, str]], after: Sequence[dict[str, str]]
) -> Iterator[dict[str, str]]:
    """Yield the first rows of `after` that are of the same step as a validation that `before` ends with."""
    if not before or not any(value for key, value in before[-1].items() if key.startswith("val/")):
        return
    step = [before[-1].get(column) for column in FIRST_COLUMNS]
    yield from takewhile(lambda row: [row.get(column) for column in FIRST_COLUMNS] == step, after)

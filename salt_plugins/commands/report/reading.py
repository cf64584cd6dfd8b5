"""What a run directory and its predictions hold."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import yaml
from numpy.typing import NDArray

from salt_core.errors import ConfigError, DataError

Array = NDArray[Any]

MOST_JETS = 500_000


class Heads(NamedTuple):
    """The tasks whose outputs are drawn, as the configuration has them; empty where there is none."""

    flavour: Mapping[str, Any]
    origin: Mapping[str, Any]
    vertexing: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A run directory.

    Parameters
    ----------
    path : Path
        The directory.
    config, metadata : mapping
        Its configuration and what it says of itself; empty where it has none.
    metrics : list of mapping
        Rows of the metrics.
    predictions : Path or None
        The file of predictions.
    """

    path: Path
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]
    metrics: Sequence[Mapping[str, str]]
    predictions: Path | None

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.name

    @cached_property
    def global_object(self) -> str:
        """The object with one row per jet."""
        return str((self.config.get("data") or {}).get("global_object", "jets"))

    @cached_property
    def heads(self) -> Heads:
        """The first task of each sort."""
        tasks = [t for t in ((self.config.get("model") or {}).get("tasks") or {}).values() if t]
        classes = [task for task in tasks if task.get("plugin") == "classification"]
        of_jets = [task for task in classes if task.get("input_name") == self.global_object]
        of_constituents = [task for task in classes if task.get("input_name") != self.global_object]
        vertexing = [task for task in tasks if task.get("plugin") == "vertexing"]
        return Heads(*(next(iter(found), {}) for found in (of_jets, of_constituents, vertexing)))

    def test_command(self) -> str:
        """Tell which command makes the predictions."""
        return f"salt test --config {self.path / 'config.yaml'} --data.write_constituents true"


@dataclass(frozen=True)
class Constituents:
    """The valid constituents of the jets, side by side.

    Parameters
    ----------
    jets : array
        The jet of each (M,).
    columns : mapping of str to array
        What was written of them (M,).
    """

    jets: Array
    columns: Mapping[str, Array]


@dataclass(frozen=True)
class Predictions:
    """Columns of a file of predictions.

    Parameters
    ----------
    model : str
        What the model's columns begin with.
    jets : mapping of str to array
        Columns of the jets (N,).
    attributes : mapping
        What the file says of the jets' columns, such as names of classes.
    constituents : mapping of str to Constituents
        By stream.
    """

    model: str
    jets: Mapping[str, Array]
    attributes: Mapping[str, Any]
    constituents: Mapping[str, Constituents] = field(default_factory=dict)

    @property
    def num_jets(self) -> int:
        """Number of jets."""
        return len(next(iter(self.jets.values()), ()))


def read_run(path: Path, predictions: Path | None = None) -> Run:
    """Read a run directory.

    Raises
    ------
    ConfigError
        Where it is none: it has neither metrics, configuration nor predictions.
    """
    if not path.is_dir():
        raise ConfigError(f"{path} is no run directory; name one such as logs/GN2_<time>", "RUN")
    run = Run(
        path.resolve(),
        _yaml(path / "config.yaml"),
        _yaml(path / "metadata.yaml"),
        _metrics(path / "metrics.csv"),
        predictions or _newest(path),
    )
    if not (run.config or run.metrics or run.predictions):
        raise ConfigError(f"{path} has no config.yaml, metrics.csv or predictions to report on", "RUN")
    return run


def read_predictions(path: Path, global_object: str, most: int = MOST_JETS) -> Predictions:
    """Read the first jets, at most `most`, of a file of predictions.

    Raises
    ------
    DataError
        Where the file cannot be read or has no such object.
    """
    try:
        with h5py.File(path) as file:
            if global_object not in file:
                raise DataError(f"{path} has no dataset {global_object!r}; it has {', '.join(file)}")
            jets = file[global_object][:most]
            streams = {name: _constituents(file[name][:most]) for name in file if name != global_object}
            return Predictions(
                str(file.attrs.get("model", "")),
                {name: jets[name] for name in jets.dtype.names},
                dict(file[global_object].attrs),
                {name: stream for name, stream in streams.items() if stream is not None},
            )
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _constituents(rows: Array) -> Constituents | None:
    names = rows.dtype.names or ()
    if "valid" not in names:
        return None
    valid = rows["valid"].astype(bool)
    return Constituents(np.nonzero(valid)[0], {name: rows[name][valid] for name in names if name != "valid"})


def _yaml(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return found if isinstance(found, Mapping) else {}


def _metrics(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _newest(run: Path) -> Path | None:
    """Find the predictions that ``salt test`` wrote last."""
    return max(run.rglob("*__test_*.h5"), key=lambda path: path.stat().st_mtime, default=None)

"""What a run directory and its predictions hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from salt_core.config.yaml import load_yaml
from salt_core.data.blocks import tables_of
from salt_core.data.hdf5 import VALID, opened
from salt_core.errors import ConfigError, DataError
from salt_core.training.run_files import CONFIG_NAME, METADATA_NAME, METRICS_NAME, read_metrics

Array = NDArray[Any]

JETS_AT_A_TIME = 20_000
WHERE = "--predictions"

Tables = Mapping[str, h5py.Dataset]


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
    name : str
        What it is called on the page.
    config, metadata : mapping
        Its configuration and what it says of itself; empty where it has none.
    metrics : list of mapping
        Rows of the metrics.
    predictions : Path or None
        The file of predictions.
    """

    path: Path
    name: str
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]
    metrics: Sequence[Mapping[str, str]]
    predictions: Path | None

    @cached_property
    def global_object(self) -> str:
        """The object with one row per jet."""
        return str((self.config.get("data") or {}).get("global_object", "jets"))

    def object_of(self, path: str) -> str:
        """Return the object of which a dataset tells."""
        datasets = (self.config.get("data") or {}).get("input_map") or {}
        return next((name for name, one in datasets.items() if str(one).strip("/") == path), path)

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
        source = f"--config {self.path / CONFIG_NAME}" if self.config else "--ckpt_path CKPT"
        return f"salt test {source} --data.write_constituents true"


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
    num_jets : int
        N.
    jets : mapping of str to array
        Columns of the jets (N,); a model that tells of constituents alone may have none.
    attributes : mapping
        What the file says of the jets' columns, such as names of classes.
    constituents : mapping of str to Constituents
        By stream.
    """

    model: str
    num_jets: int
    jets: Mapping[str, Array]
    attributes: Mapping[str, Any]
    constituents: Mapping[str, Constituents] = field(default_factory=dict)


def names_of(runs: Sequence[Path]) -> list[str]:
    """Return the shortest endings of the paths of runs that tell them apart.

    Raises
    ------
    ConfigError
        Where one is named twice.
    """
    parts = [path.resolve().parts for path in runs]
    for place, one in enumerate(parts):
        if one in parts[:place]:
            raise ConfigError(f"{runs[place]} is named twice", "RUN")
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(names):
            break
    return names


def read_run(path: Path, predictions: Path | None = None, name: str = "") -> Run:
    """Read a run directory; it is called as the folder where no name is given.

    Raises
    ------
    ConfigError
        Where it is none: it has neither metrics, configuration nor predictions.
    """
    if not path.is_dir():
        raise ConfigError(f"{path} is no run directory; name one such as logs/GN2_<time>", "RUN")
    run = Run(
        path.resolve(),
        name or path.resolve().name,
        _yaml(path / CONFIG_NAME),
        _yaml(path / METADATA_NAME),
        read_metrics(path / METRICS_NAME),
        predictions or _newest(path),
    )
    if not (run.config or run.metrics or run.predictions):
        raise ConfigError(f"{path} has no {CONFIG_NAME}, {METRICS_NAME} or predictions to report on", "RUN")
    return run


def read_predictions(run: Run, most: int) -> Predictions | None:
    """Read the first jets, at most `most`, of the predictions of a run, where it has any.

    Raises
    ------
    ConfigError
        Where the file is none that ``salt test`` writes.
    DataError
        Where it cannot be read, or its datasets are of different jets.
    """
    if run.predictions is None:
        return None
    with opened(run.predictions, WHERE) as file:
        found = {run.object_of(path): dataset for path, dataset in tables_of(file).items()}
        jets, streams = _sorted_out(found, run.global_object)
        lengths = {name: len(dataset) for name, dataset in {**jets, **streams}.items()}
        if not lengths:
            has = ", ".join(file) or "nothing"
            raise ConfigError(
                f"{run.predictions} is no file of predictions: it has no table {run.global_object!r}, nor one of "
                f"constituents; it has: {has}",
                WHERE,
            )
        if len(set(lengths.values())) > 1:
            raise DataError(f"the datasets of {run.predictions} differ in length: {lengths}", WHERE)
        rows = {name: dataset[:most] for name, dataset in jets.items()}
        columns = {key: values[key] for values in rows.values() for key in values.dtype.names}
        return Predictions(
            str(file.attrs.get("model", "")),
            min(most, *lengths.values()),
            columns,
            {key: value for dataset in jets.values() for key, value in dataset.attrs.items()},
            {name: _constituents(dataset, most) for name, dataset in streams.items()},
        )


def _sorted_out(found: Tables, global_object: str) -> tuple[Tables, Tables]:
    """Return the table of the global object, if there is one, and those of constituents."""
    jets = {name: one for name, one in found.items() if name == global_object and one.ndim == 1}
    streams = {name: one for name, one in found.items() if one.ndim == 2 and VALID in one.dtype.names}
    return jets, streams


def _constituents(dataset: h5py.Dataset, most: int) -> Constituents:
    """Read the valid constituents of the first jets; slots without one are never held all at once."""
    starts = range(0, min(most, len(dataset)), JETS_AT_A_TIME)
    parts = [_valid(dataset[start : min(start + JETS_AT_A_TIME, most)], start) for start in starts]
    if not parts:
        return _valid(dataset[:0], 0)
    names = list(parts[0].columns)
    return Constituents(
        np.concatenate([part.jets for part in parts]),
        {name: np.concatenate([part.columns[name] for part in parts]) for name in names},
    )


def _valid(rows: Array, first: int) -> Constituents:
    """Return the valid constituents of jets, the first of which is the number `first` of all."""
    valid = rows[VALID].astype(bool)
    names = [name for name in rows.dtype.names or () if name != VALID]
    return Constituents(np.nonzero(valid)[0] + first, {name: rows[name][valid] for name in names})


def _yaml(path: Path) -> Mapping[str, Any]:
    return load_yaml(path) if path.is_file() else {}


def _newest(run: Path) -> Path | None:
    """Find the predictions that ``salt test`` wrote last; they lie in the run or in its folder of checkpoints."""
    found = [*run.glob("*__test_*.h5"), *run.glob("*/*__test_*.h5")]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)

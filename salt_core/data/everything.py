"""The selection that leaves nothing out: all numbers of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from salt_core.data.blocks import is_stream, tables_of
from salt_core.data.hdf5 import VALID, opened
from salt_core.data.request import Selection
from salt_core.errors import ConfigError, suggest


def everything(path: Path, global_object: str) -> Selection:
    """Select every column of numbers of the global object and of all streams, as raw columns.

    Parameters
    ----------
    path : Path
        The file.
    global_object : str
        The dataset with one row per jet.

    Raises
    ------
    ConfigError
        Where there is no such dataset.
    """
    with opened(path) as file:
        datasets = tables_of(file)
        if global_object not in datasets or datasets[global_object].ndim != 1:
            rows = [name for name, dataset in datasets.items() if dataset.ndim == 1]
            hint = suggest(global_object, rows)
            message = f"{path} has no dataset {global_object!r} with one row per jet; {hint}"
            raise ConfigError(message, "--global_object")
        num_jets = len(datasets[global_object])
        streams = [
            name for name, dataset in datasets.items() if is_stream(dataset) and len(dataset) == num_jets
        ]
        columns = {name: _numbers(datasets[name].dtype) for name in (global_object, *streams)}
    names = dict.fromkeys((global_object, *streams), ())
    return Selection(global_object, names, columns, {name: name for name in names}, {})


def _numbers(dtype: np.dtype[np.void]) -> tuple[str, ...]:
    names = dtype.names or ()
    return tuple(name for name in names if name != VALID and dtype[name].kind in "biuf")

"""What files hold that read as one sample: jets, columns, names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from salt_core.data.hdf5 import check_files, dataset_of, opened
from salt_core.data.passing import passing_jets
from salt_core.data.request import Contents, Selection


def contents_of(files: Sequence[Path], selection: Selection, where: str = "") -> Contents:
    """Tell what files hold that read as one sample, the columns and names of classes as the first has them.

    Parameters
    ----------
    files : sequence of Path
        The files.
    selection : Selection
        What must be there.
    where : str, optional
        The YAML key path that names the files, for messages.

    Raises
    ------
    SaltError
        Where something is missing, cannot be read, or has different types in different files.
    """
    num_jets = sum(check_files(files, selection, where))
    passing = passing_jets(files, selection)
    with opened(files[0], where) as file:
        datasets = {name: dataset_of(file, selection, name, where) for name in selection.objects}
        columns = {name: tuple(dataset.dtype.names) for name, dataset in datasets.items()}
        class_names = {name: _class_names(dataset) for name, dataset in datasets.items()}
    return Contents(num_jets if passing is None else len(passing), columns, class_names)


def _class_names(dataset: h5py.Dataset) -> dict[str, tuple[str, ...]]:
    """Return the lists among the attributes that are called as a column; a number or a text says no names."""
    found = {column: dataset.attrs.get(column) for column in dataset.dtype.names}
    return {
        column: tuple(_text(value) for value in values)
        for column, values in found.items()
        if isinstance(values, np.ndarray) and values.ndim == 1
    }


def _text(value: Any) -> str:
    """Write a text of a file, whose bytes may be no UTF-8; h5py hides them in characters that nothing can print."""
    plain = value if isinstance(value, bytes) else str(value).encode(errors="surrogateescape")
    return plain.decode(errors="replace")

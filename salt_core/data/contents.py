"""What files hold that read as one sample: jets, columns, names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py

from salt_core.data.hdf5 import check_files, class_names, dataset_of, opened
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
    found = {column: class_names(dataset, column) for column in dataset.dtype.names}
    return {column: names for column, names in found.items() if names is not None}

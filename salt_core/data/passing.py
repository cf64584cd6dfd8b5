"""Which jets of a sample pass its cuts: found in one pass over the columns that these look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from salt_core.data.cuts import Cut, all_passed
from salt_core.data.hdf5 import dataset_of, opened
from salt_core.data.request import Selection

Array = NDArray[Any]

#: Jets that are looked at together.
SLAB = 2**20

#: Path, size and modification time of a file.
Seen = tuple[Path, int, int]


def passing_jets(files: Sequence[Path], selection: Selection) -> Array | None:
    """Return the rows of the sample whose jets pass (B,), int64; None where there is no cut on jets.

    Raises
    ------
    SaltError
        Where a file cannot be read.
    """
    cuts = selection.cuts.get(selection.global_object, ())
    if not cuts:
        return None
    seen = [(path, (status := path.stat()).st_size, status.st_mtime_ns) for path in files]
    dataset = selection.datasets[selection.global_object]
    starts, found = 0, []
    for one in seen:
        total, rows = _passing_of(one, dataset, selection.global_object, cuts)
        found.append(starts + rows)
        starts += total
    return np.concatenate(found)


@lru_cache(maxsize=64)
def _passing_of(seen: Seen, dataset: str, name: str, cuts: tuple[Cut, ...]) -> tuple[int, Array]:
    """Return the number of jets of a file, and the rows of those that pass.

    It is asked for more than once in a training: by the checks, and by the loaders.
    """
    selection = Selection(name, {name: ()}, {}, {name: dataset}, {}, {name: cuts})
    with opened(seen[0]) as file:
        jets = dataset_of(file, selection, name)
        found = [start + np.flatnonzero(all_passed(cuts, slab)) for start, slab in _slabs(jets, selection)]
        return len(jets), np.concatenate([np.zeros(0, dtype=np.int64), *found])


def _slabs(jets: h5py.Dataset, selection: Selection) -> Iterator[tuple[int, Array]]:
    columns = jets.fields(list(selection.read(selection.global_object)))
    for start in range(0, len(jets), SLAB):
        yield start, columns[start : start + SLAB]

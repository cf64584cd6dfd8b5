"""From rows of a file to a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from salt_core.data.batch import JetBatch, Layout, Packed, by_length, rows_of, sum_of
from salt_core.data.request import Selection
from salt_core.data.rows import Chunk, take
from salt_core.errors import DataError

Array = NDArray[Any]

#: Says where rows of the sample lie.
Places = Callable[[Array], str]


def batch_of(chunk: Chunk, selection: Selection, places: Places) -> JetBatch:
    """Make a batch of jets.

    Parameters
    ----------
    chunk : Chunk
        The jets.
    selection : Selection
        Which fields are features and which are further columns.
    places : callable
        Says where rows of the sample lie, for messages.

    Raises
    ------
    DataError
        Where an input variable is not finite.
    """
    name = selection.global_object
    order = by_length(sum_of(chunk.lengths.values(), len(chunk.records[name])))
    rows = chunk.rows[order]
    records = {name: take(chunk.records[name], order)}
    owners = {name: rows}
    lengths = {stream: found[order] for stream, found in chunk.lengths.items()}
    for stream, found in chunk.lengths.items():
        records[stream] = take(chunk.records[stream], rows_of(order, found))
        owners[stream] = np.repeat(rows, lengths[stream])
    tables = {key: table_of(array, selection.variables.get(key, ())) for key, array in records.items()}
    check_finite(tables, owners, selection, places)
    columns = {
        key: {column: records[key][column] for column in names}
        for key, names in selection.columns.items()
        if key in records
    }
    return jet_batch(selection, rows, tables, columns, lengths)


def jet_batch(
    selection: Selection,
    rows: Array,
    tables: Mapping[str, Array],
    columns: Mapping[str, Mapping[str, Array]],
    lengths: Mapping[str, Array],
) -> JetBatch:
    """Put arrays of jets that are sorted by their constituents into a batch.

    Parameters
    ----------
    selection : Selection
        Names the objects.
    rows : numpy.ndarray
        Row of each jet in the sample (B,).
    tables : mapping of str to numpy.ndarray
        Features of each object, (B, F) or (N, F), float32.
    columns : mapping of str to mapping of str to numpy.ndarray
        Further columns by object, (B,) or (N,).
    lengths : mapping of str to numpy.ndarray
        Constituents of each jet (B,), by stream.
    """
    return JetBatch(
        global_object=selection.global_object,
        x=torch.from_numpy(tables[selection.global_object]),
        streams={
            stream: Packed(torch.from_numpy(tables[stream]), Layout.of(lengths[stream]))
            for stream in selection.streams
        },
        columns={
            name: {column: _tensor(values) for column, values in found.items()}
            for name, found in columns.items()
        },
        rows=torch.from_numpy(rows),
    )


def table_of(records: Array, variables: Sequence[str]) -> Array:
    """Copy fields of structured rows (N,) into a table (N, F) of float32."""
    table = np.empty((len(records), len(variables)), dtype=np.float32)
    for column, variable in enumerate(variables):
        table[:, column] = records[variable]
    return table


def check_finite(
    tables: Mapping[str, Array], owners: Mapping[str, Array], selection: Selection, places: Places
) -> None:
    """Raise a `DataError` where an input is NaN or infinite.

    Parameters
    ----------
    tables : mapping of str to numpy.ndarray
        Features of each object, (N, F).
    owners : mapping of str to numpy.ndarray
        Row in the sample (N,) of the jet that each of them belongs to.
    selection : Selection
        Names the variables.
    places : callable
        Says where rows of the sample lie.
    """
    faults = [
        fault
        for name, table in tables.items()
        for fault in _not_finite(name, table, owners[name], selection.variables.get(name, ()), places)
    ]
    if faults:
        raise DataError("input values that are not finite: " + "; ".join(faults))


def _not_finite(
    name: str, table: Array, owners: Array, variables: Sequence[str], places: Places
) -> Iterator[str]:
    finite = np.isfinite(table)
    if finite.all():
        return
    for column in map(int, np.flatnonzero(~finite.all(0))):
        bad = ~finite[:, column]
        jets = np.unique(owners[bad])
        yield f"{name}/{variables[column]} has {int(bad.sum())} in {len(jets)} of the jets, {places(jets)}"


def _tensor(values: Array) -> Tensor:
    """Copy a column into int64, bool or float32."""
    target = {"f": np.float32, "b": np.bool_}.get(values.dtype.kind, np.int64)
    # A field of one row keeps strides that torch refuses.
    column: Array = np.empty(values.shape, dtype=target)
    column[...] = values
    return torch.from_numpy(column)

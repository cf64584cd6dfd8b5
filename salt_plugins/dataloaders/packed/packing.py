"""From HDF5 files to a store: once over all rows, the valid constituents of the selected columns alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from salt_core import SaltError
from salt_core.data.assemble import check_finite, table_of
from salt_core.data.contents import contents_of
from salt_core.data.files import names_of
from salt_core.data.order import Rows
from salt_core.data.rows import JetFiles
from salt_core.data.workers import follow_parent, sheltered
from salt_core.interfaces.dataloader import LoadRequest
from salt_core.sizes import readable
from salt_plugins.dataloaders.packed.manifest import (
    INPUTS,
    ROWS,
    STARTS,
    Manifest,
    StoredObject,
    column_file,
    file_name,
    stored_type,
    told_cuts,
)
from salt_plugins.dataloaders.packed.sources import Identity
from salt_plugins.dataloaders.packed.writing import Part, StoreWriter, as_bytes

Array = NDArray[Any]

log = logging.getLogger("salt.packed")

#: Bytes of the sources that a worker takes at a time.
BITE = 2**25

#: Jets are taken in multiples of this, as files are often chunked in thousands.
FEWEST = 1000


def write_store(request: LoadRequest, sources: Sequence[Identity], folder: Path) -> None:
    """Fill an empty folder with the store of a sample.

    Parameters
    ----------
    request : LoadRequest
        The files, what is wanted of them, and how many workers read.
    sources : sequence of dict
        The identities of the files, taken before they are read.
    folder : Path
        The folder.

    Raises
    ------
    DataError
        Where an input is not finite or a file cannot be read.
    OSError
        Where the store cannot be written.
    """
    files = JetFiles(request.files, request.selection, request.where)
    num_jets = request.jets_of(files.num_jets)
    started = time.perf_counter()
    with ExitStack() as stack:
        writer = StoreWriter(files, folder, stack)
        for jets, part in _parts(files, num_jets, request.num_workers):
            writer.append(jets, part)
    manifest = _manifest(request, sources, num_jets, writer)
    manifest.write(folder)
    seconds = time.perf_counter() - started
    log.info(
        "packed %s jets of %s in %.1f s (%s jets/s), %s",
        f"{num_jets:,}",
        names_of(request.files),
        seconds,
        f"{num_jets / seconds:,.0f}",
        readable(manifest.bytes),
    )


def estimated_size(request: LoadRequest) -> int:
    """Tell the bytes of the store of a sample from its first jets.

    Raises
    ------
    DataError
        Where they cannot be stored.
    """
    files = JetFiles(request.files, request.selection, request.where)
    num_jets = request.jets_of(files.num_jets)
    first = min(num_jets, FEWEST)
    part = _Pieces(files)[0, first]
    files.close()
    if isinstance(part, SaltError):
        raise part
    return sum(values.numel() for values in part.values()) * num_jets // max(first, 1)


def _parts(files: JetFiles, num_jets: int, workers: int) -> Iterator[tuple[int, Part]]:
    """Yield the columns of consecutive jets, read by worker processes, with a progress bar."""
    size = max(FEWEST, BITE // files.bytes_per_jet() // FEWEST * FEWEST)
    pieces = [(start, min(start + size, num_jets)) for start in range(0, num_jets, size)]
    loader: DataLoader[Any] = DataLoader(
        _Pieces(files),
        sampler=pieces,
        batch_size=None,
        num_workers=min(workers, len(pieces)),
        worker_init_fn=follow_parent,
    )
    with tqdm(total=num_jets, desc="packing", unit=" jets", unit_scale=True, disable=None) as bar:
        with sheltered():
            read = iter(loader)
        for (start, stop), part in zip(pieces, read, strict=True):
            if isinstance(part, SaltError):
                raise part
            yield stop - start, part
            bar.update(stop - start)
    files.close()


class _Pieces(Dataset[Part | SaltError]):
    """The columns of pieces of a sample as plain bytes, which workers hand over without a copy."""

    def __init__(self, files: JetFiles) -> None:
        self.files = files

    def __getitem__(self, rows: Rows) -> Part | SaltError:
        try:
            return self._columns(*rows)
        except SaltError as error:
            return error

    def _columns(self, start: int, stop: int) -> Part:
        selection = self.files.selection
        chunk = self.files.read(start, stop)
        owners = {selection.global_object: chunk.rows}
        for stream, lengths in chunk.lengths.items():
            owners[stream] = np.repeat(owners[selection.global_object], lengths)
        tables = {
            name: table_of(rows, selection.variables.get(name, ())) for name, rows in chunk.records.items()
        }
        check_finite(tables, owners, selection, self.files.places)
        part = {file_name(name, INPUTS): as_bytes(table) for name, table in tables.items()}
        for name, rows in chunk.records.items():
            for column in selection.columns.get(name, ()):
                values = rows[column]
                part[column_file(name, column)] = as_bytes(values.astype(stored_type(values.dtype)))
        for stream, lengths in chunk.lengths.items():
            part[file_name(stream, STARTS)] = as_bytes(lengths.astype(np.int64))
        if self.files.cuts_jets:
            part[file_name(selection.global_object, ROWS)] = as_bytes(chunk.rows)
        return part


def _manifest(
    request: LoadRequest, sources: Sequence[Identity], num_jets: int, writer: StoreWriter
) -> Manifest:
    selection = request.selection
    names: Mapping[str, Mapping[str, tuple[str, ...]]] = contents_of(request.files, selection).class_names
    objects = {
        name: StoredObject(
            dataset=selection.datasets[name],
            rows=writer.rows(name),
            inputs=list(selection.variables.get(name, ())),
            columns={column: dtype.str for column, dtype in writer.types[name].items()},
            not_finite=writer.not_finite[name],
            class_names={column: list(found) for column, found in names[name].items()},
            num_inputs=selection.num_inputs.get(name),
            cuts=told_cuts(selection).get(name, []),
        )
        for name in selection.objects
    }
    return Manifest(selection.global_object, num_jets, objects, list(sources), writer.written())

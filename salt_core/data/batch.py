"""The batch: valid constituents only, packed side by side, jets sorted by how many they have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Runs:
    """Jets of equal length that lie side by side.

    Parameters
    ----------
    shapes : tuple of (int, int)
        Number of jets c and constituents per jet l of each run; runs without constituents are left
        out. Rows of a run are a plain ``view(c, l, ...)``.
    order : Tensor, optional
        Gather (N,) that brings the packed rows into the order of the runs; None where they lie so.
    """

    shapes: tuple[tuple[int, int], ...]
    order: Tensor | None

    @property
    def sizes(self) -> list[int]:
        """Rows of each run, for ``Tensor.split``."""
        return [jets * length for jets, length in self.shapes]


@dataclass(frozen=True)
class Layout:
    """How N packed rows divide into B jets.

    The lengths live on the host as well as on the device, so that no step waits for the device to
    tell a shape.

    Parameters
    ----------
    host_lengths : numpy.ndarray
        Rows of each jet, shape (B,), int64, on the host.
    lengths : Tensor
        The same on the batch's device.
    """

    #: Whether all rows are one jet's and their number perhaps a symbol, as in a model that is exported.
    single: ClassVar[bool] = False

    host_lengths: np.ndarray
    lengths: Tensor

    @classmethod
    def of(cls, lengths: np.ndarray) -> Layout:
        """Make the layout of host-side `lengths` (B,)."""
        host = np.ascontiguousarray(lengths, dtype=np.int64)
        return cls(host, torch.from_numpy(host))

    def map(self, move: Callable[[Tensor], Tensor]) -> Layout:
        """Return the layout with its device tensors moved."""
        return Layout(self.host_lengths, move(self.lengths))

    def part(self, jets: slice) -> Layout:
        """Return the layout of jets that lie side by side."""
        return Layout(self.host_lengths[jets], self.lengths[jets])

    def rows_of(self, jets: slice) -> slice:
        """Return the packed rows of jets that lie side by side."""
        first, last, _ = jets.indices(self.num_jets)
        return slice(int(self.host_lengths[:first].sum()), int(self.host_lengths[:last].sum()))

    @property
    def num_jets(self) -> int:
        """Jets B."""
        return len(self.host_lengths)

    @cached_property
    def total(self) -> int:
        """Rows N."""
        return int(self.host_lengths.sum())

    @cached_property
    def starts(self) -> Tensor:
        """First row of each jet, shape (B,)."""
        return self.lengths.cumsum(0) - self.lengths

    @cached_property
    def jet_index(self) -> Tensor:
        """Jet of each row, shape (N,)."""
        jets = torch.arange(self.num_jets, device=self.lengths.device)
        return jets.repeat_interleave(self.lengths, output_size=self.total)

    @cached_property
    def slot(self) -> Tensor:
        """Position of each row within its jet, shape (N,)."""
        return torch.arange(self.total, device=self.lengths.device) - self.starts[self.jet_index]

    @cached_property
    def runs(self) -> Runs:
        """The fewest runs of equal length, with the gather that makes them where one is needed."""
        lengths = self.host_lengths
        order = None
        if np.any(lengths[1:] < lengths[:-1]):
            jets = np.argsort(lengths, kind="stable")
            order = torch.from_numpy(rows_of(jets, lengths)).to(self.lengths.device)
            lengths = lengths[jets]
        values, counts = np.unique(lengths, return_counts=True)
        shapes = tuple((int(c), int(n)) for n, c in zip(values, counts, strict=True) if n > 0)
        return Runs(shapes, order)

    def spread(self, per_jet: Tensor) -> Tensor:
        """Repeat one row per jet (B, D) for each of the jet's rows, giving (N, D)."""
        return per_jet.repeat_interleave(self.lengths, dim=0, output_size=self.total)


def rows_of(jets: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """List the packed rows of `jets`, jet by jet.

    Parameters
    ----------
    jets : numpy.ndarray
        Indices of the jets wanted, in the order wanted.
    lengths : numpy.ndarray
        Rows of every jet (B,) in packed order.

    Returns
    -------
    numpy.ndarray
        Row indices, int64.
    """
    return ranges((np.cumsum(lengths) - lengths)[jets], lengths[jets])


def sum_of(lengths: Iterable[np.ndarray], num_jets: int) -> np.ndarray:
    """Sum the constituents of jets (B,) over streams; zeros where there is no stream."""
    return sum(lengths, start=np.zeros(num_jets, dtype=np.int64))


def by_length(lengths: np.ndarray) -> np.ndarray:
    """Return the order that sorts jets by their `lengths` (B,), equal ones as they are."""
    # Numpy sorts such short integers by counting.
    order: np.ndarray = np.argsort(np.minimum(lengths, 2**16 - 1).astype(np.uint16), kind="stable")
    return order


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """List the integers of ranges, one range after the other.

    Parameters
    ----------
    starts, lengths : numpy.ndarray
        First integer, and how many, of each range (B,).
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    found: np.ndarray = np.arange(total) + np.repeat(starts - (ends - lengths), lengths)
    return found


@dataclass(frozen=True)
class Packed:
    """Rows of all jets, one after the other, and how they divide into jets.

    Parameters
    ----------
    x : Tensor
        Features or vectors, shape (N, D).
    layout : Layout
        Which rows belong to which jet.
    """

    x: Tensor
    layout: Layout

    def with_x(self, x: Tensor) -> Packed:
        """Return other vectors of the same rows."""
        return Packed(x, self.layout)

    def map(self, move: Callable[[Tensor], Tensor]) -> Packed:
        """Return the rows with their tensors moved."""
        return Packed(move(self.x), self.layout.map(move))


@dataclass(frozen=True)
class JetBatch:
    """A batch of jets, sorted by their total number of constituents.

    Parameters
    ----------
    global_object : str
        The object with one row per jet, such as ``jets``.
    x : Tensor
        Jet features (B, F).
    streams : mapping of str to Packed
        Features (N, F) of the valid constituents of each stream.
    columns : mapping of str to mapping of str to Tensor
        Further columns as they stand in the file, by object: (B,) or (N,); integers as int64,
        floats as float32.
    rows : Tensor
        Row of each jet in its file (B,), int64.
    moved : mapping of int to (Tensor, Tensor), optional
        For a batch that `to` has moved: what each of its columns, by ``id``, was copied from; and the column.
    """

    global_object: str
    x: Tensor
    streams: Mapping[str, Packed]
    columns: Mapping[str, Mapping[str, Tensor]]
    rows: Tensor
    moved: Mapping[int, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    @property
    def num_jets(self) -> int:
        """Jets B."""
        return int(self.rows.shape[0])

    def raw(self, name: str) -> Mapping[str, Tensor]:
        """Return the un-normalised columns of object `name` that plugins asked for."""
        return self.columns.get(name, {})

    def runs(self, stream: str) -> Runs:
        """Return the runs of equal length of one stream."""
        return self.streams[stream].layout.runs

    def padded(self, stream: str, length: int | None = None) -> tuple[Tensor, Tensor]:
        """Return a stream padded with zeros.

        Returns
        -------
        x : Tensor
            Shape (B, L, F), with L the longest jet or `length`.
        valid : Tensor
            Shape (B, L), True where a constituent is.
        """
        packed = self.streams[stream]
        return pad(packed.x, packed.layout, length)

    def to(self, device: torch.device | str, non_blocking: bool = True) -> JetBatch:
        """Return the batch on `device`; it remembers its columns on the host, see `on_host`."""
        moved = self.map(lambda tensor: tensor.to(device, non_blocking=non_blocking))
        origins = {
            id(column): (self.columns[name][key], column)
            for name, columns in moved.columns.items()
            for key, column in columns.items()
            if self.columns[name][key].device.type == "cpu"
        }
        return replace(moved, moved=origins)

    def on_host(self) -> JetBatch:
        """Return the batch with its columns on the host, and all else where it is.

        What follows from labels can be found there without waiting for a device, such as how many entries
        have one. A column that was changed after the batch was moved is copied, which does wait.
        """
        return replace(
            self,
            columns={
                name: {key: self._on_host(column) for key, column in columns.items()}
                for name, columns in self.columns.items()
            },
        )

    def _on_host(self, column: Tensor) -> Tensor:
        origin, _ = self.moved.get(id(column), (column, column))
        return origin.to("cpu")

    def pin_memory(self) -> JetBatch:
        """Return the batch in page-locked memory."""
        return self.map(lambda tensor: tensor.pin_memory())

    @property
    def num_rows(self) -> int:
        """Jets, and constituents of all streams."""
        return self.num_jets + sum(stream.layout.total for stream in self.streams.values())

    def in_pieces(self, number: int) -> list[JetBatch]:
        """Cut the batch between jets into pieces of about equal size.

        Parameters
        ----------
        number : int
            Pieces, at most; large jets and small batches make fewer.
        """
        streams = (stream.layout.host_lengths for stream in self.streams.values())
        ends = np.cumsum(sum_of(streams, self.num_jets) + 1)
        cuts = np.searchsorted(ends, np.arange(1, number) * self.num_rows / number)
        edges = sorted({0, *map(int, cuts), self.num_jets})
        return [self.part(slice(*jets)) for jets in pairwise(edges)] or [self]

    def part(self, jets: slice) -> JetBatch:
        """Return jets that lie side by side, as views."""
        rows = {name: stream.layout.rows_of(jets) for name, stream in self.streams.items()}
        return replace(
            self,
            x=self.x[jets],
            streams={
                name: Packed(stream.x[rows[name]], stream.layout.part(jets))
                for name, stream in self.streams.items()
            },
            columns={
                name: {key: values[rows.get(name, jets)] for key, values in columns.items()}
                for name, columns in self.columns.items()
            },
            rows=self.rows[jets],
        )

    def map(self, move: Callable[[Tensor], Tensor]) -> JetBatch:
        """Return the batch with `move` applied to every tensor."""
        return replace(
            self,
            x=move(self.x),
            streams={name: packed.map(move) for name, packed in self.streams.items()},
            columns={
                name: {key: move(value) for key, value in columns.items()}
                for name, columns in self.columns.items()
            },
            rows=move(self.rows),
        )


def pad(x: Tensor, layout: Layout, length: int | None = None) -> tuple[Tensor, Tensor]:
    """Pad packed rows (N, ...) with zeros to (B, L, ...), and tell which slots are real (B, L)."""
    if layout.single and length is None:
        return x.unsqueeze(0), x.new_ones((1, layout.total), dtype=torch.bool)
    longest = int(layout.host_lengths.max(initial=0)) if length is None else length
    padded = x.new_zeros((layout.num_jets, longest, *x.shape[1:]))
    padded[layout.jet_index, layout.slot] = x
    valid = torch.arange(longest, device=x.device) < layout.lengths[:, None]
    return padded, valid

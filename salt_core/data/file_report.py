"""What a file holds, in plain values for a person or a program to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Constituents:
    """How the slots of a stream are filled.

    Parameters
    ----------
    valid : int
        Valid constituents of all jets.
    mean, most : float, int
        Valid constituents of a jet, on average and at most.
    empty_jets : int
        Jets that have none.
    padding : float
        Share of the slots that hold no constituent.
    """

    valid: int
    mean: float
    most: int
    empty_jets: int
    padding: float


@dataclass(frozen=True)
class Class:
    """One value of a label; `name` is None where the file does not tell it."""

    value: int
    name: str | None
    count: int
    share: float


@dataclass(frozen=True)
class Label:
    """How often each value of a label occurs; `classes` is None where there are too many to be classes."""

    name: str
    classes: tuple[Class, ...] | None


@dataclass(frozen=True)
class Field:
    """A field of a structured dataset, or all of a plain one; numbers are None where none were read.

    Parameters
    ----------
    name, type : str
        The name, empty for a plain dataset, and the type.
    mean, std, minimum, maximum : float or None
        Of the finite values, those of valid constituents alone.
    nan, infinite : int or None
        How many values are not finite; None for types that always are.
    """

    name: str
    type: str
    mean: float | None = None
    std: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    nan: int | None = None
    infinite: int | None = None


@dataclass(frozen=True)
class Dataset:
    """A dataset or another place in a file.

    Parameters
    ----------
    path : str
        Where it is in the file.
    kind : str
        ``dataset``, ``virtual dataset``, ``group`` or ``broken link``.
    link : str or None
        What a soft or external link points to.
    attributes : dict
        The attributes, as plain values.
    shape, chunks : tuple of int or None
        The shape, and that of a chunk.
    filters : tuple of str
        What packs the chunks, such as lzf.
    raw_bytes, stored_bytes : int or None
        The size in memory and in the file; a virtual dataset stores nothing.
    sources, lost : tuple of str
        Files and datasets that a virtual dataset reads, and those of the files that are gone.
    fields : tuple of Field
        The fields.
    constituents : Constituents or None
        How the slots are filled, where the dataset is a stream and was read.
    labels : tuple of Label
        The labels, where the dataset was read.
    value : object
        The value of a scalar.
    fault : str or None
        Why values cannot be read.
    """

    path: str
    kind: str
    link: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    chunks: tuple[int, ...] | None = None
    filters: tuple[str, ...] = ()
    raw_bytes: int | None = None
    stored_bytes: int | None = None
    sources: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    constituents: Constituents | None = None
    labels: tuple[Label, ...] = ()
    value: Any = None
    fault: str | None = None


@dataclass(frozen=True)
class Report:
    """What a file holds; `values_read` tells whether more than its headers were read."""

    file: str
    bytes: int
    values_read: bool
    attributes: dict[str, Any]
    datasets: tuple[Dataset, ...]

    @property
    def faults(self) -> list[str]:
        """Say what could not be read."""
        return [dataset.fault for dataset in self.datasets if dataset.fault]

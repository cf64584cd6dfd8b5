"""Random jets, what the data says of them, and vectors as an encoder gives them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from salt_core.data.batch import JetBatch, Layout, Packed
from salt_core.data.facts import DataFacts
from salt_core.interfaces.encoder import Encoded

#: What a column holds: integers or class names to draw from, or a tuple of two floats to draw between.
Values = Sequence[int] | Sequence[str] | tuple[float, float]
Columns = Mapping[str, Mapping[str, Values]]
Lengths = Mapping[str, Sequence[int]]

VARIABLES: Mapping[str, Sequence[str]] = {"jets": ("pt", "eta"), "tracks": ("d0", "z0", "phi")}

#: Values of a column of which nothing is said; such as every weight, denominator or momentum may have.
ANY = (0.5, 1.5)

#: Stands for a stream where there is none, to tell how many jets there are.
NO_STREAM = ""

# Jets without constituents; then, with a second stream, jets of equal size that are made up differently.
_FIRST, _OTHER = [0, 0, 1, 1, 2, 2, 3, 5], [0, 0, 2, 0, 1, 3, 1, 0]

#: Batches that a plugin has to bear: what is special about them, and how many constituents their jets have.
SMALL_BATCHES: Mapping[str, Sequence[int]] = {
    "a batch without any constituent works": [0, 0, 0],
    "a batch of one jet works": [1],
    "a batch of one jet without constituents works": [0],
}


def make_facts(
    variables: Mapping[str, Sequence[str]] = VARIABLES,
    global_object: str = "jets",
    class_names: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    class_weights: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
    parameters: Mapping[str, tuple[float, float]] | None = None,
) -> DataFacts:
    """Return what the data says.

    Variables are normalised with mean 0 and standard deviation 1.

    Parameters
    ----------
    variables : mapping of str to sequence of str, optional
        Input variables of each object.
    global_object : str, optional
        The object with one row per jet.
    class_names, class_weights : mapping, optional
        Of labels, by object and label.
    parameters : mapping of str to (float, float), optional
        Mean and standard deviation of the parameters that a model is conditioned on.
    """
    return DataFacts(
        global_object,
        {name: tuple(names) for name, names in variables.items()},
        {name: (0.0,) * len(names) for name, names in variables.items()},
        {name: (1.0,) * len(names) for name, names in variables.items()},
        {
            name: {key: tuple(of) for key, of in labels.items()}
            for name, labels in (class_names or {}).items()
        },
        {
            name: {key: tuple(of) for key, of in labels.items()}
            for name, labels in (class_weights or {}).items()
        },
        parameters or {},
    )


def random_batch(
    data: DataFacts, columns: Columns | None = None, lengths: Lengths | None = None, seed: int = 0
) -> JetBatch:
    """Return random jets, sorted by their total number of constituents.

    Parameters
    ----------
    data : DataFacts
        Which objects and variables there are.
    columns : mapping, optional
        Raw columns, by object and column: integers to draw from, such as ``range(4)``, names of classes,
        whose indices are drawn, or two floats to draw between.
    lengths : mapping of str to sequence of int, optional
        Constituents of each jet, by stream; eight jets with up to five in each stream by default.
    seed : int, optional
        Of the random numbers.

    Returns
    -------
    JetBatch
        B jets: ``x`` (B, F), a stream of N constituents each (N, F), raw columns (B,) and (N,).

    Raises
    ------
    ValueError
        Where `lengths` are not those of the streams, or `columns` those of an object.
    """
    generator = torch.Generator().manual_seed(seed)
    lengths = _lengths_of(data) if lengths is None else lengths
    _check_lengths(lengths, data)
    _check_columns(columns or {}, data)
    layouts, num_jets = _layouts(lengths)
    rows = {data.global_object: num_jets} | {name: layout.total for name, layout in layouts.items()}
    streams = {
        name: Packed(torch.randn(layout.total, data.size(name), generator=generator), layout)
        for name, layout in layouts.items()
    }
    drawn = {
        name: {key: _draw(values, rows[name], generator) for key, values in of_object.items()}
        for name, of_object in (columns or {}).items()
    }
    conditions = {
        key: mean + width * torch.randn(num_jets, generator=generator)
        for key, (mean, width) in data.parameters.items()
    }
    drawn[data.global_object] = {**conditions, **drawn.get(data.global_object, {})}
    x = torch.randn(num_jets, data.size(data.global_object), generator=generator)
    return JetBatch(data.global_object, x, streams, drawn, torch.arange(num_jets))


def random_encoded(data: DataFacts, size: int = 8) -> Encoded:
    """Return the sizes of what an encoder gives out: `size` for each constituent, twice that for the jet."""
    return Encoded(2 * size, dict.fromkeys(data.streams, size))


def random_vectors(encoded: Encoded, batch: JetBatch, seed: int = 0) -> tuple[Tensor, dict[str, Packed]]:
    """Return vectors as an encoder gives them out, with gradient.

    Returns
    -------
    pooled : Tensor
        The jets' vectors (B, D).
    streams : dict of str to Packed
        The constituents' vectors (N, D).
    """
    generator = torch.Generator().manual_seed(seed + 1)
    streams = {
        name: batch.streams[name].with_x(
            torch.randn(len(batch.streams[name].x), size, generator=generator).requires_grad_()
        )
        for name, size in encoded.streams.items()
        if name in batch.streams
    }
    return torch.randn(batch.num_jets, encoded.pooled, generator=generator).requires_grad_(), streams


def pick(batch: JetBatch, jets: Sequence[int]) -> JetBatch:
    """Return some of a batch's jets with their constituents, in the order of `jets`.

    Parameters
    ----------
    batch : JetBatch
        B jets.
    jets : sequence of int
        Indices of jets from 0 to B - 1; one may come more than once.
    """
    chosen = list(jets)
    rows = {name: _rows_of(packed.layout, chosen) for name, packed in batch.streams.items()}
    streams = {
        name: Packed(packed.x[rows[name]], Layout.of(packed.layout.host_lengths[chosen]))
        for name, packed in batch.streams.items()
    }
    of_jets = torch.tensor(chosen, dtype=torch.int64)
    columns = {
        name: {key: values[rows.get(name, of_jets)] for key, values in of_object.items()}
        for name, of_object in batch.columns.items()
    }
    return JetBatch(batch.global_object, batch.x[of_jets], streams, columns, batch.rows[of_jets])


def of_jets(values: Tensor, batch: JetBatch, name: str, jets: Sequence[int]) -> Tensor:
    """Return those of an object's `values` (B, ...) or (N, ...) that belong to some jets, in their order."""
    stream = batch.streams.get(name)
    return values[list(jets)] if stream is None else values[_rows_of(stream.layout, list(jets))]


def equally_long(data: DataFacts, lengths: Sequence[int]) -> dict[str, Sequence[int]]:
    """Return the same numbers of constituents for every stream."""
    return dict.fromkeys(data.streams or (NO_STREAM,), lengths)


def described(asked: Mapping[str, Sequence[str]], values: Columns | None) -> dict[str, dict[str, Values]]:
    """Return the values of `asked` columns, and of those that only `values` names."""
    given = values or {}
    names = dict.fromkeys((*asked, *given))
    return {
        name: {key: ANY for key in asked.get(name, ())} | dict(given.get(name, {}))  # noqa: C420 - typed
        for name in names
    }


def class_names_in(values: Columns | None) -> dict[str, dict[str, Sequence[str]]]:
    """Find the names of classes among values."""
    return {
        name: {key: [str(one) for one in of] for key, of in labels.items() if _is_classes(of)}
        for name, labels in (values or {}).items()
    }


def _lengths_of(data: DataFacts) -> dict[str, list[int]]:
    """Return how many constituents the jets of `random_batch` have by default."""
    found = {}
    for number, name in enumerate(data.streams):
        shift = max(number - 1, 0)
        found[name] = _FIRST if number == 0 else _OTHER[:2] + list(np.roll(_OTHER[2:], shift))
    return found or {NO_STREAM: _FIRST}


def _check_lengths(lengths: Lengths, data: DataFacts) -> None:
    wanted = data.streams or (NO_STREAM,)
    if set(lengths) != set(wanted) or len({len(of) for of in lengths.values()}) > 1:
        given = {name: list(of) for name, of in lengths.items()}
        told = ", ".join(data.streams) or "there is none"
        raise ValueError(f"lengths has one number per jet for each stream ({told}), and is {given}")


def _check_columns(columns: Columns, data: DataFacts) -> None:
    for name, of_object in columns.items():
        if name not in data.variables:
            raise ValueError(f"columns: there is no object {name!r}; objects: {', '.join(data.variables)}")
        for key, values in of_object.items():
            if len(values) == 0:
                raise ValueError(f"columns: {name}/{key} has no values to draw from")


def _is_classes(values: Values) -> bool:
    return len(values) > 0 and all(isinstance(value, str) for value in values)


def _layouts(lengths: Lengths) -> tuple[dict[str, Layout], int]:
    totals = np.sum([np.asarray(of, dtype=np.int64) for of in lengths.values()], axis=0)
    order = np.argsort(totals, kind="stable")
    layouts = {
        name: Layout.of(np.asarray(of, dtype=np.int64)[order])
        for name, of in lengths.items()
        if name != NO_STREAM
    }
    return layouts, len(totals)


def _draw(values: Values, number: int, generator: torch.Generator) -> Tensor:
    if isinstance(values, tuple) and any(isinstance(value, float) for value in values):
        low, high = map(float, values)
        return low + (high - low) * torch.rand(number, generator=generator)
    choices = torch.arange(len(values)) if _is_classes(values) else torch.tensor([int(v) for v in values])
    return choices[torch.randint(len(choices), (number,), generator=generator)]


def _rows_of(layout: Layout, jets: Sequence[int]) -> Tensor:
    rows = [torch.arange(layout.total)[layout.rows_of(slice(jet, jet + 1))] for jet in jets]
    return torch.cat(rows) if rows else torch.arange(0)

"""Whether an ONNX file, run jet by jet or on padded batches, predicts what its checkpoint predicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from salt_core import ConfigError, JetBatch, RunError
from salt_core.errors import first_line
from salt_core.files import shown
from salt_core.training.module import SaltModule
from salt_plugins.commands.export.batched import padded
from salt_plugins.commands.export.graph import METADATA_KEY
from salt_plugins.commands.export.inputs import Input, tables_of
from salt_plugins.commands.export.model import value_of
from salt_plugins.commands.export.names import Output

Array = NDArray[Any]

#: Largest difference of two predictions; of a prediction beyond 1, this share of it.
TOLERANCE = 1e-5

#: Share of jets in which a decision, such as a vertex, may fall otherwise: a score may lie at its threshold.
UNDECIDED = 0.01


@dataclass
class Agreement:
    """How far an output of the file is from the checkpoint's.

    Parameters
    ----------
    output : Output
        The output.
    whole : bool
        Whether it is a whole number, which is the same or not.
    worst : float
        Largest difference so far; of whole numbers the jets where they differ.
    """

    output: Output
    whole: bool = False
    worst: float = 0.0

    def add(self, found: Array, expected: Array) -> None:
        """Compare the values of one jet."""
        if found.shape != expected.shape:
            self.worst = np.inf
        elif np.issubdtype(expected.dtype, np.floating):
            same = (found == expected) | (np.isnan(found) & np.isnan(expected))
            with np.errstate(invalid="ignore"):
                far = np.abs(found - expected) / np.maximum(np.abs(expected), 1)
            far = np.where(same, 0.0, np.where(np.isnan(far), np.inf, far))
            self.worst = max(self.worst, float(far.max(initial=0.0)))
        else:
            self.whole = True
            self.worst += float(not np.array_equal(found, expected))

    def good(self, num_jets: int) -> bool:
        """Tell whether it is near enough for `num_jets` jets."""
        return self.worst <= UNDECIDED * num_jets if self.whole else self.worst < TOLERANCE

    def told(self, num_jets: int) -> str:
        """Say it."""
        return f"differs in {self.worst:.0f} of {num_jets}" if self.whole else f"{self.worst:.1e}"


@dataclass
class Comparison:
    """How far a file is from its checkpoint.

    Parameters
    ----------
    agreements : list of Agreement
        By output.
    num_jets : int, optional
        Jets that were compared.
    lengths : set of int, optional
        Numbers of constituents that these have had.
    """

    agreements: list[Agreement]
    num_jets: int = 0
    lengths: set[int] = field(default_factory=set)

    def lines(self) -> list[str]:
        """Say for each output how far it is from the checkpoint."""
        width = max(len(one.output.name) for one in self.agreements)
        return [f"  {one.output.name:<{width}}  {one.told(self.num_jets)}" for one in self.agreements]

    def refuse(self) -> None:
        """Raise a `RunError` that names the outputs that are too far from the checkpoint's, if any."""
        bad = [one for one in self.agreements if not one.good(self.num_jets)]
        if bad:
            names = ", ".join(f"{one.output.name} ({one.told(self.num_jets)})" for one in bad)
            raise RunError(
                f"the ONNX model does not predict what the checkpoint predicts: {names}; "
                f"allowed are differences below {TOLERANCE:g}"
            )


def session_of(path: Path) -> Any:
    """Open an ONNX file in onnxruntime.

    Raises
    ------
    ConfigError
        Where it is none.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no class of their own
        message = f"{shown(path)} cannot be opened as an ONNX model: {first_line(error)}"
        raise ConfigError(message) from None


def outputs_told(session: Any, path: Path) -> list[Output]:
    """Return the outputs as the file tells them.

    Raises
    ------
    ConfigError
        Where it was not made by ``salt export``.
    """
    told = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if told is None:
        raise ConfigError(f"{shown(path)} was not made by salt export: it has no metadata of that name")
    try:
        return [Output(**output) for output in json.loads(told)["outputs"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{shown(path)} does not tell its outputs as salt export does: {error}") from None


def check_inputs(session: Any, inputs: Sequence[Input], path: Path) -> None:
    """Raise a `ConfigError` where a file takes other inputs than the model does."""
    lengths = {one.rows for one in inputs}
    theirs = {one.name: one.shape[-1] for one in session.get_inputs() if one.name not in lengths}
    ours = {one.name: len(one.columns) for one in inputs}
    if theirs != ours:
        raise ConfigError(f"{shown(path)} is of another model: it takes {theirs}, and this one {ours}")


def check_outputs(columns: Mapping[str, Sequence[str]], outputs: Sequence[Output], path: Path) -> None:
    """Raise a `ConfigError` where a file gives what the model's tasks do not write, by object."""
    for output in outputs:
        for column in [output.column] if output.column else output.terms:
            if column not in columns.get(output.object_name, ()):
                raise ConfigError(
                    f"{shown(path)} is of another model: it gives {column!r} of {output.object_name}, "
                    "which no task of this one writes"
                )


def compare(
    session: Any,
    module: SaltModule,
    inputs: Sequence[Input],
    outputs: Sequence[Output],
    batches: Iterable[JetBatch],
) -> Comparison:
    """Run a file, as its form is, and the checkpoint's model batch by batch, and compare.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The file.
    module : SaltModule
        The checkpoint's model, on the CPU.
    inputs : sequence of Input
        What the file is given.
    outputs : sequence of Output
        What it gives.
    batches : iterable of JetBatch
        Jets, not normalised.

    Raises
    ------
    RunError
        Where the file fails on a jet, or has other outputs.
    """
    names = [one.name for one in session.get_outputs()]
    if set(names) != {output.name for output in outputs}:
        raise RunError(f"the file has the outputs {', '.join(names)}, which are not those that it tells of")
    comparison = Comparison([Agreement(output) for output in outputs])
    runs = _padded if takes_batches(session, inputs) else _jet_by_jet
    for batch in batches:
        expected = _expected(module, outputs, batch)
        for jet, found in enumerate(runs(session, inputs, batch)):
            for one, values in zip(
                comparison.agreements, (found[output.name] for output in outputs), strict=True
            ):
                mine = _of_jet(expected[one.output.name], one.output.object_name, batch, jet)
                one.add(values, padded(mine, len(values)) if len(values) > len(mine) else mine)
        comparison.lengths |= {
            int(length)
            for one in inputs
            if one.rows
            for length in batch.streams[one.object_name].layout.host_lengths
        }
        comparison.num_jets += batch.num_jets
    return comparison


def takes_batches(session: Any, inputs: Sequence[Input]) -> bool:
    """Tell whether a file is of the form for padded batches."""
    shapes = {one.name: one.shape for one in session.get_inputs()}
    first = inputs[0]
    of_one_jet = [first.rows or 1, len(first.columns)]
    return bool(shapes[first.name] != of_one_jet)


def _jet_by_jet(session: Any, inputs: Sequence[Input], batch: JetBatch) -> Iterator[dict[str, Array]]:
    """Run the file once for each jet; yield its outputs."""
    tables = tables_of(inputs, batch)
    for jet in range(batch.num_jets):
        yield _run(
            session,
            {
                one.name: _of_jet(table, one.object_name, batch, jet)
                for one, table in zip(inputs, tables, strict=True)
            },
        )


def _padded(session: Any, inputs: Sequence[Input], batch: JetBatch) -> Iterator[dict[str, Array]]:
    """Run the file once for the batch; yield the outputs of each jet, those of constituents with all slots."""
    feed = {}
    for one, table in zip(inputs, tables_of(inputs, batch), strict=True):
        if one.rows:
            layout = batch.streams[one.object_name].layout
            feed[one.rows] = layout.host_lengths
            # What stands in the empty slots must not matter.
            slots = np.full((batch.num_jets, layout.host_lengths.max(initial=0), table.shape[1]), np.nan)
            slots[layout.jet_index, layout.slot] = table
            feed[one.name] = slots.astype(np.float32)
        else:
            feed[one.name] = table.numpy()
    found = _run(session, feed)
    for jet in range(batch.num_jets):
        yield {name: np.atleast_1d(values[jet]) for name, values in found.items()}


@torch.inference_mode()
def _expected(module: SaltModule, outputs: Sequence[Output], batch: JetBatch) -> dict[str, torch.Tensor]:
    columns = module.outputs(module(batch), batch)
    return {output.name: value_of(output, columns) for output in outputs}


def _of_jet(values: torch.Tensor, name: str, batch: JetBatch, jet: int) -> Array:
    """Take the rows of one jet from those of all (B, ...) or (N, ...)."""
    start, length = jet, 1
    if name in batch.streams:
        layout = batch.streams[name].layout
        start, length = int(layout.starts[jet]), int(layout.host_lengths[jet])
    rows: Array = values[start : start + length].numpy()
    return rows


def _run(session: Any, feed: Mapping[str, Array]) -> dict[str, Array]:
    names = [one.name for one in session.get_outputs()]
    try:
        found: list[Array] = session.run(names, dict(feed))
    except Exception as error:  # onnxruntime's own errors share no class of their own
        shapes = ", ".join(f"{name} {table.shape}" for name, table in feed.items())
        raise RunError(f"the ONNX model fails on {shapes}: {first_line(error)}") from None
    return dict(zip(names, found, strict=True))

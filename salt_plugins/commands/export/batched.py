"""The form of the ONNX file for padded batches: the graph of one jet, in a loop over the jets of the batch.

Whatever can be exported for one jet can be exported so, and predicts the same; padding is cut off
before the model sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from salt_plugins.commands.export.inputs import Input
from salt_plugins.commands.export.names import Output

#: Before all names of the graph of one jet. The others have a slash too: no output can be called so.
INSIDE = "one_jet/"

#: What stands in the slots behind the last constituent, as in what ``salt test`` writes.
EMPTY_FLOAT, EMPTY_WHOLE = np.nan, -1

#: Names of the axes that count jets and slots.
BATCH, SLOTS = "batch", "max_{}"


def batched(proto: Any, inputs: Sequence[Input], outputs: Sequence[Output]) -> Any:
    """Wrap the graph of one jet into one of padded batches.

    Parameters
    ----------
    proto : onnx.ModelProto
        The model of one jet, as `graph_of` makes it.
    inputs : sequence of Input
        What it is given.
    outputs : sequence of Output
        What it gives, in order.

    Returns
    -------
    onnx.ModelProto
        Takes tables (batch, F) and (batch, max, F), and the constituents of each jet (batch,), int64;
        gives outputs (batch,) of jets and (batch, max) of constituents.
    """
    from onnx import compose

    whole = type(proto)()
    whole.CopyFrom(compose.add_prefix(proto, INSIDE))
    one_jet = type(whole.graph)()
    one_jet.CopyFrom(whole.graph)
    whole.graph.Clear()
    whole.graph.name = "batch"
    whole.graph.initializer.extend(one_jet.initializer)
    whole.graph.initializer.extend(_constants())
    whole.graph.input.extend(_inputs(inputs))
    whole.graph.node.extend(_loop(one_jet, inputs, outputs))
    rows = {one.object_name: one.rows for one in inputs}
    for output, inner in zip(outputs, one_jet.output, strict=True):
        whole.graph.output.append(_output(output.name, inner, rows.get(output.object_name, "")))
    return whole


def padded(values: np.ndarray, slots: int) -> np.ndarray:
    """Fill the values of one jet's constituents (n,) up to `slots` of them, as the graph does."""
    empty = EMPTY_FLOAT if np.issubdtype(values.dtype, np.floating) else EMPTY_WHOLE
    return np.concatenate([values, np.full(slots - len(values), empty, values.dtype)])


def _constants() -> list[Any]:
    from onnx import numpy_helper

    values = {
        "batch/always": np.array(True),
        "batch/zero": np.array([0], np.int64),
        "batch/one": np.array([1], np.int64),
        "batch/empty_float": np.array(EMPTY_FLOAT, np.float32),
        "batch/empty_whole_32": np.array(EMPTY_WHOLE, np.int32),
        "batch/empty_whole_64": np.array(EMPTY_WHOLE, np.int64),
    }
    return [numpy_helper.from_array(value, name) for name, value in values.items()]


def _inputs(inputs: Sequence[Input]) -> list[Any]:
    """Describe the tables of the batch, and the constituents of each jet."""
    from onnx import TensorProto, helper

    found = []
    for one in inputs:
        slots = [SLOTS.format(one.object_name)] if one.rows else []
        shape: list[str | int | None] = [BATCH, *slots, len(one.columns)]
        found.append(helper.make_tensor_value_info(one.name, TensorProto.FLOAT, shape))
    return found + [
        helper.make_tensor_value_info(one.rows, TensorProto.INT64, [BATCH]) for one in inputs if one.rows
    ]


def _output(name: str, inner: Any, rows: str) -> Any:
    from onnx import helper

    shape = [BATCH, SLOTS.format(rows.removeprefix("n_"))] if rows else [BATCH]
    return helper.make_tensor_value_info(name, inner.type.tensor_type.elem_type, shape)


def _loop(one_jet: Any, inputs: Sequence[Input], outputs: Sequence[Output]) -> list[Any]:
    """Return the loop over jets, and before it the numbers of jets and of slots."""
    from onnx import helper

    before = [
        helper.make_node("Shape", [inputs[0].name], ["batch/num_jets_1"], start=0, end=1),
        helper.make_node("Squeeze", ["batch/num_jets_1", "batch/zero"], ["batch/num_jets"]),
    ]
    before += [
        helper.make_node("Shape", [one.name], [f"batch/slots/{one.rows}"], start=1, end=2)
        for one in inputs
        if one.rows
    ]
    loop = helper.make_node(
        "Loop",
        ["batch/num_jets", "batch/always"],
        [output.name for output in outputs],
        body=_body(one_jet, inputs, outputs),
    )
    return [*before, loop]


def _body(one_jet: Any, inputs: Sequence[Input], outputs: Sequence[Output]) -> Any:
    """Return what is done with the jet of number ``jet``."""
    from onnx import TensorProto, helper

    rows = {one.object_name: one.rows for one in inputs}
    nodes = [helper.make_node("Identity", ["batch/go_on"], ["batch/goes_on"])]
    for one in inputs:
        nodes += _jet_of(one)
    nodes += one_jet.node
    results = []
    for output, inner in zip(outputs, one_jet.output, strict=True):
        kind = inner.type.tensor_type.elem_type
        nodes += _row_of(output.name, inner.name, rows.get(output.object_name, ""), kind)
        results.append(helper.make_tensor_value_info(f"row/{output.name}", kind, None))
    return helper.make_graph(
        nodes,
        "batch/jet",
        [
            helper.make_tensor_value_info("batch/jet", TensorProto.INT64, []),
            helper.make_tensor_value_info("batch/go_on", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("batch/goes_on", TensorProto.BOOL, []), *results],
    )


def _jet_of(one: Input) -> list[Any]:
    """Take the jet's own rows of an input."""
    from onnx import helper

    number, inner = f"number/{one.name}", f"{INSIDE}{one.name}"
    reshaped = helper.make_node("Reshape", ["batch/jet", "batch/one"], [number])
    if not one.rows:
        return [reshaped, helper.make_node("Gather", [one.name, number], [inner], axis=0)]
    slots, length = f"slots/{one.name}", f"length/{one.name}"
    return [
        reshaped,
        helper.make_node("Gather", [one.name, "batch/jet"], [slots], axis=0),
        helper.make_node("Gather", [one.rows, number], [length], axis=0),
        helper.make_node("Slice", [slots, "batch/zero", length, "batch/zero"], [inner]),
    ]


def _row_of(name: str, inner: str, rows: str, kind: int) -> list[Any]:
    """Make the batch's row of an output: a number of the jet, or a value for each slot."""
    from onnx import TensorProto, helper

    if not rows:
        return [helper.make_node("Squeeze", [inner, "batch/zero"], [f"row/{name}"])]
    whole: dict[int, str] = {
        TensorProto.INT32: "batch/empty_whole_32",
        TensorProto.INT64: "batch/empty_whole_64",
    }
    empty = whole.get(kind, "batch/empty_float")
    found, missing, margins = f"found/{name}", f"missing/{name}", f"margins/{name}"
    return [
        helper.make_node("Shape", [inner], [found]),
        helper.make_node("Sub", [f"batch/slots/{rows}", found], [missing]),
        helper.make_node("Concat", ["batch/zero", missing], [margins], axis=0),
        helper.make_node("Pad", [inner, margins, empty], [f"row/{name}"]),
    ]

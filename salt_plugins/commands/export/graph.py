"""The ONNX file: its graph, and what it says of itself."""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from salt_core import ConfigError, RunError, SaltError, Trained, __version__
from salt_core.errors import first_line
from salt_core.training.record import commits_of
from salt_plugins.commands.export.inputs import Input
from salt_plugins.commands.export.model import OneJetModel, example
from salt_plugins.commands.export.names import Output

#: Key of the metadata under which everything is told, as JSON.
METADATA_KEY = "salt"

#: Version of the operators; runtimes since 2023 have it.
OPSET = 18

PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def require_packages() -> None:
    """Raise a `ConfigError` where a package is missing that only export needs."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"needs {' and '.join(missing)}, which salt does not install by itself: "
            "pip install 'salt-hep[export]'"
        )


@torch.no_grad()
def graph_of(model: OneJetModel) -> Any:
    """Trace the model into an ``onnx.ModelProto``.

    Raises
    ------
    RunError
        Where the model does something that cannot be traced, or that ONNX has no operator for.
    """
    inputs, outputs = model.inputs, model.outputs
    shapes = tuple({0: one.rows} if one.rows else {} for one in inputs)
    try:
        with _quiet():
            program = torch.onnx.export(
                model.eval(),
                example(inputs),
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
                input_names=[one.name for one in inputs],
                output_names=[output.name for output in outputs],
                dynamic_shapes={"tables": shapes},
                custom_translation_table=_translations(),
            )
    except Exception as error:  # plugins and the exporter raise what they like
        raise RunError(f"the model cannot be exported: {_reason(error)}") from error
    assert program is not None
    return program.model_proto


def taken_twice(proto: Any) -> set[str]:
    """Return the names that a graph gives to two things."""
    graph = proto.graph
    names = Counter([one.name for one in (*graph.input, *graph.initializer)])
    names.update(name for node in graph.node for name in node.output)
    return {name for name, number in names.items() if number > 1}


def describe(trained: Trained, inputs: Sequence[Input], outputs: Sequence[Output]) -> dict[str, Any]:
    """Return what the file says of itself."""
    data, facts = trained.config["data"], trained.module.facts
    return {
        "model": trained.config["name"],
        "salt_version": __version__,
        "commits": commits_of(trained.checkpoint.parent.parent),
        "checkpoint": trained.checkpoint.name,
        "normalisation": "inside: give values as they are in the files; the graph takes (x + offset) * scale",
        "global_object": facts.global_object,
        "inputs": [
            {
                "name": one.name,
                "object": one.object_name,
                "rows": one.rows or 1,
                "variables": _scales(one, facts.means, facts.stds),
            }
            for one in inputs
        ],
        "outputs": [asdict(output) for output in outputs],
        "classes": trained.class_names,
        "selections": data.get("selections"),
        "num_inputs": data.get("num_inputs"),
    }


def write(proto: Any, told: Mapping[str, Any], path: Path) -> None:
    """Write the graph with what it says of itself."""
    import onnx

    proto.producer_name, proto.producer_version = "salt-hep", __version__
    onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(told)})
    onnx.save_model(proto, str(path))


def _scales(one: Input, means: Mapping[str, Any], stds: Mapping[str, Any]) -> list[dict[str, Any]]:
    pairs = zip(means.get(one.object_name, ()), stds.get(one.object_name, ()), strict=True)
    numbers = [(-mean, 1 / std) for mean, std in pairs] + [(0.0, 1.0)] * len(one.further)
    return [
        {"name": name, "offset": offset, "scale": scale}
        for name, (offset, scale) in zip(one.columns, numbers, strict=True)
    ]


def _translations() -> dict[Any, Any]:
    """Return operators that ONNX lacks, in terms of those that it has."""
    from onnxscript import opset18 as op

    def hypot(a: Any, b: Any) -> Any:
        return op.Sqrt(op.Add(op.Mul(a, a), op.Mul(b, b)))

    return {torch.ops.prims.hypot.default: hypot}


def _reason(error: BaseException) -> str:
    """Return what is at the bottom of an error of the exporter, in one line."""
    found = error
    while (deeper := found.__cause__ or found.__context__) is not None and not isinstance(found, SaltError):
        found = deeper
    first = first_line(found)
    return first if isinstance(found, SaltError) else f"{type(found).__name__}: {first}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Have the exporter keep its remarks for itself."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

"""The contract of a task."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from salt_core.data.batch import JetBatch, Packed
from salt_core.data.facts import DataFacts
from salt_core.interfaces.encoder import Encoded
from salt_core.interfaces.task import Task
from salt_core.testing.contract import Contract, require
from salt_core.testing.jets import (
    SMALL_BATCHES,
    Columns,
    class_names_in,
    described,
    equally_long,
    make_facts,
    of_jets,
    pick,
    random_batch,
    random_encoded,
    random_vectors,
)
from salt_core.testing.looking import (
    check_columns,
    check_compiled_parts,
    check_parameters_come_late,
    check_state_comes_back,
    require_close,
    require_finite,
    require_gradients,
    require_shape,
    seeded,
    swapped,
    unchanged,
)

Outputs = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class Inputs:
    """What a task is handed: the encoder's vectors, and the batch that they were made of."""

    pooled: Tensor
    streams: Mapping[str, Packed]
    batch: JetBatch

    @classmethod
    def random(cls, encoded: Encoded, batch: JetBatch) -> Inputs:
        """Return random vectors for a batch."""
        return cls(*random_vectors(encoded, batch), batch)

    def of(self, jets: Sequence[int]) -> Inputs:
        """Return those of some jets."""
        batch = pick(self.batch, jets)
        streams = {
            name: batch.streams[name].with_x(of_jets(packed.x, self.batch, name, jets))
            for name, packed in self.streams.items()
        }
        return Inputs(self.pooled[list(jets)], streams, batch)


def check_task(
    task: Task, labels: Columns | None = None, data: DataFacts | None = None, encoded: Encoded | None = None
) -> None:
    """Check that a task keeps its contract.

    Parameters
    ----------
    task : Task
        As ``__init__`` leaves it, not built; it stays so.
    labels : mapping, optional
        Values of the raw columns that it asks for, by object and column: integers to draw from, names of
        classes, or two floats to draw between, as `random_batch` takes them. Of a column that is not
        named, values between 0.5 and 1.5 are drawn.
    data : DataFacts, optional
        What it is built for; `make_facts` by default, with the names of classes among the `labels`.
    encoded : Encoded, optional
        Sizes of the encoder's vectors; `random_encoded` by default.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    data = data or make_facts(class_names=class_names_in(labels))
    encoded = encoded or random_encoded(data)
    contract = Contract(task)
    check_columns(contract, task.columns(), data, "columns")
    check_columns(contract, task.output_columns(), data, "output_columns")
    check_parameters_come_late(contract, task)
    values = described(task.columns(), labels)
    inputs = Inputs.random(encoded, random_batch(data, values))
    built = _built(contract, task, encoded, data)
    with contract.clause("forward predicts a tensor", needed=True), torch.no_grad():
        require(isinstance(_forward(built, inputs), Tensor), "it gives something else")
    with contract.clause("check accepts labels that it can use"):
        built.check(inputs.batch)
    _check_loss(contract, built, inputs)
    _check_outputs(contract, built, inputs, data)
    _check_true_classes(contract, built, inputs.batch)
    for text, lengths in SMALL_BATCHES.items():
        with contract.clause(text):
            _try_all(built, Inputs.random(encoded, random_batch(data, values, equally_long(data, lengths))))
    fresh = Inputs.random(encoded, random_batch(data, values))
    with contract.clause("a batch is never changed in place"), unchanged(fresh.batch):
        _try_all(built, fresh)
    check_compiled_parts(contract, built, built.compiled_parts)
    check_state_comes_back(contract, built, _built(contract, task, encoded, data, seed=2))
    contract.conclude()


def _built(contract: Contract, task: Task, encoded: Encoded, data: DataFacts, seed: int = 1) -> Task:
    built = copy.deepcopy(task)
    with contract.clause("build(encoded, data) makes it", needed=True), seeded(seed):
        built.build(encoded, data)
    return built.eval()


def _forward(task: Task, inputs: Inputs) -> Tensor:
    predictions: Tensor = task(inputs.pooled, inputs.streams, inputs.batch)
    return predictions


def _try_all(task: Task, inputs: Inputs) -> None:
    """Go through all that training and evaluation do, gradients included."""
    predictions = _forward(task, inputs)
    loss = task.loss(predictions, inputs.batch)
    require_shape(loss, (), "the loss")
    require_finite(loss, "the loss")
    trained = copy.deepcopy(task).train()
    trained.zero_grad()
    with seeded():
        trained.loss(_forward(trained, inputs), inputs.batch).backward()
    require_gradients(trained)
    task.outputs(predictions.detach(), inputs.batch)
    task.true_classes(inputs.batch)


def _check_loss(contract: Contract, task: Task, inputs: Inputs) -> None:
    with torch.no_grad():
        predictions = _forward(task, inputs)
    with contract.clause("the loss is one finite number"):
        loss = task.loss(predictions, inputs.batch)
        require_shape(loss, (), "it")
        require_finite(loss, "it")
    with contract.clause("the loss is 0 or more, unless can_be_negative says otherwise"):
        loss = task.loss(predictions, inputs.batch)
        require(task.can_be_negative or bool((loss >= 0).all()), f"it is {loss.min().item():.3g}")
    with contract.clause("the loss leaves the task's weight out; the core multiplies with it"):
        heavier = copy.deepcopy(task)
        heavier.weight = 3.0 * task.weight
        require_close(heavier.loss(predictions, inputs.batch), task.loss(predictions, inputs.batch), "it")
    with contract.clause("gradients are finite and reach every parameter, and the encoder"):
        trained = copy.deepcopy(task).train()
        with seeded():
            trained.loss(_forward(trained, inputs), inputs.batch).backward()
        require_gradients(trained)
        vectors = [inputs.pooled, *(packed.x for packed in inputs.streams.values())]
        gradients = [vector.grad for vector in vectors if vector.grad is not None]
        require(bool(gradients), "none reaches a vector of the encoder")
        for gradient in gradients:
            require_finite(gradient, "the gradient of a vector of the encoder")


def _check_outputs(contract: Contract, task: Task, inputs: Inputs, data: DataFacts) -> None:
    sizes = {name: len(packed.x) for name, packed in inputs.batch.streams.items()}
    sizes[data.global_object] = inputs.batch.num_jets
    with contract.clause("outputs gives columns by object and name", needed=True), torch.no_grad():
        outputs = _outputs(task, inputs)
        require(isinstance(outputs, Mapping), f"it gives a {type(outputs).__name__}")
        for of_object in outputs.values():
            require(isinstance(of_object, Mapping), f"of an object it gives a {type(of_object).__name__}")
    with contract.clause("outputs go to objects that the data has"):
        unknown = sorted(set(outputs) - set(data.variables))
        require(not unknown, f"there is no object {', '.join(unknown)}; objects: {', '.join(data.variables)}")
    with contract.clause("outputs have one value per jet, or per constituent"):
        for name in set(outputs) & set(sizes):
            for column, values in outputs[name].items():
                require_shape(values, (sizes[name],), f"{name}/{column}")
    with contract.clause("output_objects names the objects that outputs go to"):
        told = task.output_objects()
        untold = sorted(set(outputs) - set(outputs if told is None else told))
        require(not untold, f"it leaves out {', '.join(untold)}")
    with contract.clause("outputs need no columns but those of output_columns"), torch.no_grad():
        kept = {
            name: {key: values for key, values in of.items() if key in task.output_columns().get(name, ())}
            for name, of in inputs.batch.columns.items()
        }
        _require_same(_outputs(task, replace(inputs, batch=replace(inputs.batch, columns=kept))), outputs)
    with contract.clause("a jet's outputs do not depend on the other jets of the batch"), torch.no_grad():
        for jet in range(inputs.batch.num_jets):
            _require_same(_outputs(task, inputs.of([jet])), _of(outputs, inputs.batch, [jet]))
    with contract.clause("a jet's outputs do not depend on the order of the jets"), torch.no_grad():
        order = swapped(inputs.batch)
        _require_same(_outputs(task, inputs.of(order)), _of(outputs, inputs.batch, order))


def _outputs(task: Task, inputs: Inputs) -> Outputs:
    return task.outputs(_forward(task, inputs), inputs.batch)


def _of(outputs: Outputs, batch: JetBatch, jets: list[int]) -> Outputs:
    return {
        name: {key: of_jets(values, batch, name, jets) for key, values in of.items()}
        for name, of in outputs.items()
    }


def _require_same(found: Outputs, expected: Outputs) -> None:
    for name, columns in expected.items():
        require(name in found, f"{name} is missing")
        for column, values in columns.items():
            require(column in found[name], f"{name}/{column} is missing")
            require_close(found[name][column], values, f"{name}/{column}")


def _check_true_classes(contract: Contract, task: Task, batch: JetBatch) -> None:
    sizes = {batch.num_jets, *(len(packed.x) for packed in batch.streams.values())}
    with contract.clause("true_classes gives an index of class_names for each jet or constituent, or None"):
        found = task.true_classes(batch)
        if found is not None:
            require(found.shape[0] in sizes and found.ndim == 1, f"its shape is {tuple(found.shape)}")
            require(not found.is_floating_point(), f"it gives {found.dtype}")
            most = int(found.max()) if found.numel() else -1
            require(most < len(task.class_names), f"it gives {most} for {len(task.class_names)} class_names")
    with contract.clause("true_classes gives None where the batch has no labels"):
        none = task.true_classes(replace(batch, columns={}))
        require(none is None, f"it gives a {type(none).__name__}")

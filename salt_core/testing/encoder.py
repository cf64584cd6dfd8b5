"""The contract of an encoder."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from salt_core.data.batch import JetBatch, Packed
from salt_core.data.facts import DataFacts
from salt_core.interfaces.encoder import Encoded, Encoder
from salt_core.testing.contract import Contract, require
from salt_core.testing.jets import (
    SMALL_BATCHES,
    Columns,
    described,
    equally_long,
    make_facts,
    of_jets,
    pick,
    random_batch,
)
from salt_core.testing.looking import (
    check_columns,
    check_compiled_parts,
    check_parameters_come_late,
    check_state_comes_back,
    is_same,
    require_close,
    require_finite,
    require_gradients,
    require_shape,
    seeded,
    swapped,
    unchanged,
    without_gradient,
)

Answer = tuple[Mapping[str, Packed], Tensor]


def check_encoder(encoder: Encoder, data: DataFacts | None = None, columns: Columns | None = None) -> None:
    """Check that an encoder keeps its contract.

    Parameters
    ----------
    encoder : Encoder
        As ``__init__`` leaves it, not built; it stays so.
    data : DataFacts, optional
        What it is built for; `make_facts` by default, jets with one stream of tracks.
    columns : mapping, optional
        Values of the raw columns that it asks for, as `random_batch` takes them.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    data = data or make_facts()
    contract = Contract(encoder)
    check_columns(contract, encoder.columns(), data, "columns")
    check_parameters_come_late(contract, encoder)
    values = described(encoder.columns(), columns)
    batch = random_batch(data, values)
    built, encoded = _built(contract, encoder, data)
    with contract.clause("it encodes a batch", needed=True), torch.no_grad():
        answer = _run(built, batch)
    _check_sizes(contract, encoded, answer, batch)
    _check_jets_stand_alone(contract, built, answer, batch)
    _check_small_batches(contract, built, data, values)
    _check_gradients(contract, built, batch, random_batch(data, values, equally_long(data, [0, 0])))
    fresh = random_batch(data, values)
    with contract.clause("a batch is never changed in place"), torch.no_grad(), unchanged(fresh):
        _run(built, fresh)
    check_compiled_parts(contract, built, built.compiled_parts)
    check_state_comes_back(contract, built, _built(contract, encoder, data, seed=2)[0])
    contract.conclude()


def _built(contract: Contract, encoder: Encoder, data: DataFacts, seed: int = 1) -> tuple[Encoder, Encoded]:
    built = copy.deepcopy(encoder)
    with contract.clause("build(data) makes it and returns Encoded", needed=True), seeded(seed):
        encoded = built.build(data)
        require(isinstance(encoded, Encoded), f"it returns a {type(encoded).__name__}")
        require(encoded.pooled > 0, f"pooled is {encoded.pooled}")
    with contract.clause("build draws from torch's generators alone, so that a seed makes the same encoder"):
        again = copy.deepcopy(encoder)
        with seeded(seed):
            again.build(data)
        for (name, one), other in zip(built.named_parameters(), again.parameters(), strict=True):
            require(is_same(other, one), f"{name} is another one when it is built again")
    return built.eval(), encoded


def _run(encoder: Encoder, batch: JetBatch) -> Answer:
    streams = encoder.encode(batch)
    return streams, encoder.pool(streams, batch)


def _check_sizes(contract: Contract, encoded: Encoded, answer: Answer, batch: JetBatch) -> None:
    streams, pooled = answer
    with contract.clause("encode gives every stream that build has told, with one vector per constituent"):
        missing = set(encoded.streams) - set(streams)
        require(not missing, f"build tells {sorted(encoded.streams)}, encode gives {sorted(streams)}")
        for name, size in encoded.streams.items():
            require(isinstance(streams[name], Packed), f"{name} is a {type(streams[name]).__name__}")
            require_shape(streams[name].x, (streams[name].layout.total, size), name)
            if name in batch.streams:
                require_shape(streams[name].x, (len(batch.streams[name].x), size), name)
    with contract.clause("pool gives one vector per jet, of the size that build has told"):
        require_shape(pooled, (batch.num_jets, encoded.pooled), "the result")
    with contract.clause("what it gives is finite"):
        _require_finite(answer)


def _require_finite(answer: Answer) -> None:
    for name, packed in answer[0].items():
        require_finite(packed.x, name)
    require_finite(answer[1], "the jets' vectors")


def _check_jets_stand_alone(contract: Contract, encoder: Encoder, answer: Answer, batch: JetBatch) -> None:
    with contract.clause("in evaluation, the same batch gives the same answer"), torch.no_grad():
        _compare(encoder, answer, batch, list(range(batch.num_jets)))
    with contract.clause("a jet's answer does not depend on the other jets of the batch"), torch.no_grad():
        for jet in range(batch.num_jets):
            _compare(encoder, answer, batch, [jet])
    with contract.clause("a jet's answer does not depend on the order of the jets"), torch.no_grad():
        _compare(encoder, answer, batch, swapped(batch))


def _compare(encoder: Encoder, answer: Answer, batch: JetBatch, jets: list[int]) -> None:
    streams, pooled = _run(encoder, pick(batch, jets))
    which = f"of jet {jets[0]}" if len(jets) == 1 else "of the jets"
    require_close(pooled, answer[1][jets], f"the vector {which}")
    for name in set(streams) & set(batch.streams):
        require_close(streams[name].x, of_jets(answer[0][name].x, batch, name, jets), f"{name} {which}")


def _check_small_batches(contract: Contract, encoder: Encoder, data: DataFacts, values: Columns) -> None:
    for text, lengths in SMALL_BATCHES.items():
        with contract.clause(text), torch.no_grad():
            _require_finite(_run(encoder, random_batch(data, values, equally_long(data, lengths))))


def _check_gradients(contract: Contract, encoder: Encoder, batch: JetBatch, empty: JetBatch) -> None:
    trained = copy.deepcopy(encoder).train()
    with contract.clause("gradients are finite and reach every parameter"):
        _backward(trained, batch)
        require_gradients(trained)
    without = set(without_gradient(trained))
    with contract.clause(
        "a batch without constituents reaches the same parameters, or the ranks of a training wait forever"
    ):
        trained.zero_grad()
        _backward(trained, empty)
        missing = sorted(set(without_gradient(trained)) - without)
        require(not missing, f"no gradient reaches {', '.join(missing)}")


def _backward(encoder: nn.Module, batch: JetBatch) -> None:
    assert isinstance(encoder, Encoder)
    with seeded(), torch.enable_grad():
        streams, pooled = _run(encoder, batch)
        total = pooled.pow(3).sum() + sum(packed.x.pow(3).sum() for packed in streams.values())
        total.backward()

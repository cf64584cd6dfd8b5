from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from salt_core import ConfigError, DataError, DataFacts, Encoded, JetBatch, Layout, Loss, Packed
from salt_core.data.one_jet import OneJet
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
from salt_plugins.losses.cross_entropy.loss import CrossEntropy
from salt_plugins.tasks.vertexing import pairs
from salt_plugins.tasks.vertexing.components import vertices_of
from salt_plugins.tasks.vertexing.head import Vertexing
from salt_plugins.tasks.vertexing.pairs import from_off_diagonal, in_pieces, off_diagonal

SIZE, CONTEXT = 3, 4
SORTED = [0, 1, 2, 2, 4, 5]
UNSORTED = [4, 0, 2, 5, 1, 2]
FACTS = DataFacts("jets", {"jets": ("pt",), "tracks": ("d0",)}, {}, {}, {}, {})


class MeanLoss(Loss):
    """A loss that gives no value per pair."""

    def forward(self, predictions, targets):
        return (predictions - targets.float()).square().mean()


def make_task(loss=None, **options) -> Vertexing:
    torch.manual_seed(0)
    task = Vertexing("tracks", "vertex", "origin", loss or BinaryCrossEntropy(), [6, 5], **options)
    task.build(Encoded(CONTEXT, {"tracks": SIZE}), FACTS)
    return task.double()


def make_batch(lengths, vertex=None, origin=None) -> JetBatch:
    total = sum(lengths)
    generator = torch.Generator().manual_seed(2)
    vertex = torch.randint(-2, 3, (total,), generator=generator) if vertex is None else torch.tensor(vertex)
    origin = torch.randint(0, 8, (total,), generator=generator) if origin is None else torch.tensor(origin)
    x = torch.randn(total, SIZE, generator=generator, dtype=torch.float64)
    packed = Packed(x, Layout.of(np.array(lengths, dtype=int)))
    num_jets = len(lengths)
    columns = {"tracks": {"vertex": vertex, "origin": origin}}
    return JetBatch("jets", torch.zeros(num_jets, 1), {"tracks": packed}, columns, torch.arange(num_jets))


def pairs_in_order(lengths):
    """List the pairs of rows as the task orders them: jets by length, within a jet row-major."""
    starts = np.cumsum(lengths) - lengths
    return [
        (jet, starts[jet] + i, starts[jet] + j)
        for jet in np.argsort(lengths, kind="stable")
        for i in range(lengths[jet])
        for j in range(lengths[jet])
        if i != j
    ]


def forward(task, batch):
    pooled = torch.randn(
        batch.num_jets, CONTEXT, generator=torch.Generator().manual_seed(9), dtype=torch.float64
    )
    return task(pooled, batch.streams, batch), pooled


@pytest.mark.parametrize("lengths", [SORTED, UNSORTED, [3, 3]], ids=str)
def test_pairs_equal_a_loop(lengths):
    task, batch = make_task(), make_batch(lengths)
    logits, pooled = forward(task, batch)
    first, second, third = task.head.net.layers
    x = batch.streams["tracks"].x
    rows = torch.stack(
        [torch.cat([pooled[jet], x[i], x[j]]) for jet, i, j in pairs_in_order(np.array(lengths))]
    )
    expected = third(second(first(rows).relu()).relu()).squeeze(-1)
    torch.testing.assert_close(logits, expected)
    seed = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad((logits * seed).sum(), task.parameters()),
        torch.autograd.grad((expected * seed).sum(), task.parameters()),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def naive_loss(logits, batch, lengths):
    vertex = batch.raw("tracks")["vertex"].tolist()
    origin = batch.raw("tracks")["origin"].tolist()
    flag = [int(o in (3, 4, 5)) - int(o == 1) for o in origin]
    total, positive = 0.0, 0
    for logit, (_, i, j) in zip(logits.tolist(), pairs_in_order(np.array(lengths)), strict=True):
        same = vertex[i] == vertex[j] and vertex[i] >= 0
        probability = 1 / (1 + np.exp(-logit))
        total -= (1 + (flag[i] & flag[j])) * np.log(probability if same else 1 - probability)
        positive += same
    return total / max(positive, 1)


@pytest.mark.parametrize("lengths", [SORTED, UNSORTED], ids=str)
def test_the_loss_equals_its_formula(lengths):
    task, batch = make_task(), make_batch(lengths)
    logits, _ = forward(task, batch)
    logits = 20 * logits
    assert task.loss(logits, batch).item() == pytest.approx(naive_loss(logits, batch, lengths), rel=1e-5)


@pytest.mark.parametrize(
    ("origins", "weight"), [((3, 5), 2), ((3, 1), 2), ((1, 1), 0), ((1, 2), 1), ((2, 3), 1), ((4, 5), 2)]
)
def test_weights_of_pairs(origins, weight):
    """`1 + (w_i & w_j)`: in two's complement, -1 & 1 is 1 and -1 & -1 is -1."""
    batch = make_batch([2], vertex=[1, 1], origin=list(origins))
    loss = make_task().loss(torch.zeros(2), batch)
    assert loss.item() == pytest.approx(weight * np.log(2))


def test_negative_vertices_are_never_the_same():
    batch = make_batch([2, 2], vertex=[-1, -1, -2, -2], origin=[2] * 4)
    loss = make_task().loss(torch.full((4,), -20.0), batch)
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("lengths", [[0, 1, 1], [0, 0]], ids=str)
def test_no_pair_at_all(lengths):
    task, batch = make_task(), make_batch(lengths)
    logits, _ = forward(task, batch)
    assert logits.shape == (0,)
    loss = task.loss(logits, batch)
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is not None and not p.grad.any() for p in task.parameters())
    assert task.outputs(logits, batch)["tracks"]["VertexIndex"].tolist() == [0] * sum(lengths)


def test_a_loss_without_a_value_per_pair_is_refused():
    task, batch = make_task(MeanLoss()), make_batch(SORTED)
    with pytest.raises(ConfigError, match="one value per pair"):
        task.loss(forward(task, batch)[0], batch)


@pytest.mark.parametrize("length", [2, 3, 6])
def test_off_diagonal_and_back(length):
    square = torch.arange(2.0 * length * length).reshape(2, length, length) + 1
    entries = off_diagonal(square).flatten(1)
    outside = ~torch.eye(length, dtype=torch.bool)
    assert torch.equal(entries, square[:, outside])
    assert torch.equal(from_off_diagonal(entries, length), square * outside)


def expected_vertices(logits, lengths):
    pairs = pairs_in_order(lengths)
    vertices = np.zeros(lengths.sum(), dtype=int)
    score = {(i, j): logit for logit, (_, i, j) in zip(logits.tolist(), pairs, strict=True)}
    starts = np.cumsum(lengths) - lengths
    for start, length in zip(starts, lengths, strict=True):
        rows = range(start, start + length)
        joined = [[i != j and score[i, j] + score[j, i] > 0 for j in rows] for i in rows]
        graph = csr_matrix(np.array(joined, dtype=int).reshape(length, length))
        if length:
            vertices[start : start + length] = connected_components(graph, directed=False)[1]
    return vertices


@pytest.mark.parametrize("order", ["sorted", "unsorted"])
def test_vertices_are_the_connected_components(order):
    rng = np.random.default_rng(4)
    lengths = rng.integers(0, 12, 60)
    if order == "sorted":
        lengths.sort()
    logits = torch.from_numpy(rng.normal(size=(lengths * (lengths - 1)).sum()) - 1.2)
    found = vertices_of(logits, Layout.of(lengths)).numpy()
    expected = expected_vertices(logits, lengths)
    assert 1 < expected.max() < 11, "neither all joined nor all apart"
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 12, 40])
def test_vertices_of_one_jet_whose_length_is_told_late(length):
    generator = torch.Generator().manual_seed(length)
    layout = OneJet(length, torch.zeros(0))
    for threshold in (0.5, 1.0, 2.0):
        logits = torch.randn(length * max(length - 1, 0), generator=generator) - threshold
        expected = vertices_of(logits, Layout.of(np.array([length])))
        found = vertices_of(logits, layout)
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)


def test_a_chain_of_one_jet_whose_length_is_told_late():
    length = 300
    square = torch.full((1, length, length), -1.0)
    order = torch.randperm(length, generator=torch.Generator().manual_seed(0))
    square[0, order[:-1], order[1:]] = square[0, order[1:], order[:-1]] = 1.0
    found = vertices_of(off_diagonal(square).flatten(), OneJet(length, torch.zeros(0)))
    assert torch.equal(found, torch.zeros(length, dtype=torch.int32))


@pytest.mark.parametrize("length", [0, 1, 2, 5])
def test_pairs_of_one_jet_whose_length_is_told_late(length):
    task, batch = make_task(), make_batch([length])
    packed = batch.streams["tracks"]
    traced = packed.x, OneJet(length, packed.x)
    context = torch.randn(1, CONTEXT, dtype=torch.float64)
    expected = task(context, batch.streams, batch)
    torch.testing.assert_close(task(context, {"tracks": Packed(*traced)}, batch), expected)


def test_a_chain_is_one_vertex():
    """Each constituent is joined to the next one only, from last to first."""
    length = 9
    square = torch.full((1, length, length), -1.0)
    for i in range(length - 1):
        square[0, i, i + 1] = square[0, i + 1, i] = 1.0
    logits = off_diagonal(square).flatten()
    assert vertices_of(logits, Layout.of(np.array([length]))).tolist() == [0] * length


def test_a_loss_between_classes_is_refused():
    message = "CrossEntropy compares predictions with classes, and tracks/vertex is given as flags of 0 or 1"
    with pytest.raises(ConfigError, match=message) as caught:
        make_task(CrossEntropy())
    assert caught.value.where == "loss"


@pytest.mark.parametrize(("column", "value"), [("vertex", float("nan")), ("origin", float("inf"))])
def test_labels_without_a_number_are_named_with_their_row(column, value):
    make_task().check(make_batch([2, 1]))
    with pytest.raises(
        DataError, match=rf"tracks/{column} holds {value:g} \(1 entry .* in row 1 of the file"
    ):
        make_task().check(make_batch([2, 1], **{column: [1.0, 2.0, value]}))


def test_runs_are_cut_between_jets():
    runs = Layout.of(np.array([1, 2, 2, 2, 3, 3, 9])).runs
    assert in_pieces(runs, 10).shapes == ((1, 1), (2, 2), (1, 2), (1, 3), (1, 3), (1, 9))
    assert in_pieces(runs, 10**6).shapes == runs.shapes


class Largest(TorchDispatchMode):
    """Remembers the number of values of the largest tensor that any operation gives."""

    def __init__(self) -> None:
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [part for part in pytree.tree_leaves(result) if isinstance(part, torch.Tensor)]
        self.values = max([self.values, *(tensor.numel() for tensor in tensors)])
        return result


def kept_and_largest(task, batch) -> tuple[int, int]:
    """Return how many values a forward keeps for the way back, and of the largest tensor there and back."""
    kept = 0

    def keep(tensor):
        nonlocal kept
        kept += tensor.numel()
        return tensor

    with Largest() as largest:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits, _ = forward(task, batch)
        logits.square().sum().backward()
    return kept, largest.values


def test_hidden_vectors_of_pairs_are_not_kept_where_they_are_recomputed(monkeypatch):
    monkeypatch.setattr(pairs, "PAIRS_AT_ONCE", 1000)
    plain, recomputed = make_task(), make_task(recompute=True)
    batch = make_batch([20] * 50)
    num_pairs, width = 20 * 20 * 50, 6
    kept, largest = kept_and_largest(recomputed, batch)
    assert kept < num_pairs < kept_and_largest(plain, batch)[0]
    assert 1000 * width - 20 * 20 * width < largest <= max(1000 * width, num_pairs)
    for ours, theirs in zip(recomputed.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def loss_and_gradients(task, batch, context):
    loss = task.loss(task(context, batch.streams, batch), batch)
    return loss, torch.autograd.grad(loss, [*task.parameters(), context, batch.streams["tracks"].x])


def random_inputs(seed, dtype=torch.float32):
    rng = np.random.default_rng(seed)
    lengths = np.sort(rng.integers(0, 9, rng.integers(2, 30)))
    batch = make_batch(lengths.tolist())
    packed = batch.streams["tracks"]
    leaf = packed.x.to(dtype).requires_grad_()
    context = torch.randn(batch.num_jets, CONTEXT, dtype=dtype, requires_grad=True)
    return replace(batch, streams={"tracks": packed.with_x(leaf)}), context


def test_a_compiled_pair_net_is_the_same_and_compiled_a_few_times_only(monkeypatch):
    """Once each for one jet and for several, at the start of the rows and further on."""
    monkeypatch.setattr(pairs, "PAIRS_AT_ONCE", 100)
    compiled, plain = make_task(), make_task()
    torch._dynamo.reset()
    graphs = []
    for part in compiled.compiled_parts():
        part.compile(dynamic=True, backend=lambda graph, _: graphs.append(graph) or graph.forward)
    for seed in range(20):
        inputs = random_inputs(seed, torch.float64)
        for ours, theirs in zip(
            loss_and_gradients(compiled, *inputs), loss_and_gradients(plain, *inputs), strict=True
        ):
            torch.testing.assert_close(ours, theirs)
        with torch.no_grad():
            logits = [task(inputs[1], inputs[0].streams, inputs[0]) for task in (compiled, plain)]
        torch.testing.assert_close(*logits)
    assert 0 < len(graphs) <= 4


@pytest.mark.full
def test_a_pair_net_compiled_to_machine_code_is_the_same():
    compiled, plain = make_task().float(), make_task().float()
    torch._dynamo.reset()
    for part in compiled.compiled_parts():
        part.compile(dynamic=True)
    for seed in range(5):
        inputs = random_inputs(seed)
        for ours, theirs in zip(
            loss_and_gradients(compiled, *inputs), loss_and_gradients(plain, *inputs), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_copy_of_a_compiled_head_is_not_compiled():
    task, batch, graphs = make_task(), make_batch(SORTED), []
    task.head.compile(dynamic=True, backend=lambda graph, _: graphs.append(graph) or graph.forward)
    expected, _ = forward(copy.deepcopy(task), batch)
    assert not graphs
    torch.testing.assert_close(forward(task, batch)[0], expected)
    assert graphs

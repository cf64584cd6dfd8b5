"""GN2 with its tokens padded to buckets: the same numbers, and few shapes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts, JetBatch, Layout, Packed
from salt_core.nn.edges import EdgeColumns, Edges
from salt_plugins.encoders.gn2.encoder import GN2, InitNet

EDGES = Edges(["dR", "kT"], EdgeColumns("pt", "eta", "phi"), [8])
STREAMS = {"tracks": 3, "flows": 2}
CHOICES = {
    "plain": {},
    "padded": {"attention": "padded"},
    "no register": {"num_registers": 0},
    "gated": {"gated": True, "norm": "RMSNorm", "qk_norm": True, "num_registers": 2, "layer_scale": 0.5},
    "featurewise": {"conditioning": "featurewise", "pooling": "max"},
    "differential": {"differential": True, "norm_type": "post"},
    "edges": {"edges": {"tracks": EDGES}, "norm_type": "hybrid"},
}


def make_encoders(streams, **options) -> tuple[GN2, GN2]:
    """Make two of the same weights, the second of which pads to buckets."""
    variables = {"jets": ("pt", "eta")} | {name: tuple("abc"[: STREAMS[name]]) for name in streams}
    featurewise = options.get("conditioning") == "featurewise"
    parameters = {"mass": (1.0, 2.0)} if featurewise else {}
    torch.manual_seed(3)
    plain = GN2({name: InitNet([12]) for name in streams}, 2, 16, 4, 8, **options)
    plain.build(DataFacts("jets", variables, {}, {}, {}, {}, parameters))
    with torch.no_grad():
        for parameter in plain.films.parameters():
            parameter.normal_()
    padded = copy.deepcopy(plain)
    padded.pad_to_buckets()
    return plain, padded


def make_batch(streams, lengths) -> JetBatch:
    generator = torch.Generator().manual_seed(int(lengths.sum()))
    total = int(lengths.sum())
    packed = {
        name: Packed(torch.randn(total, STREAMS[name], generator=generator), Layout.of(lengths))
        for name in streams
    }
    kinematics = {name: torch.rand(total, generator=generator) for name in ("pt", "eta", "phi")}
    columns = {"jets": {"mass": torch.rand(len(lengths), generator=generator)}, "tracks": kinematics}
    jets = torch.randn(len(lengths), 2, generator=generator)
    return JetBatch("jets", jets, packed, columns, torch.arange(len(lengths)))


def random_lengths(seed: int, jets: int | None = None) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sort(rng.poisson(7, jets or rng.integers(5, 30)))


def answers(encoder, batch) -> tuple[torch.Tensor, ...]:
    """Return all that it gives, a loss and its gradients."""
    streams = encoder.encode(batch)
    pooled = encoder.pool(streams, batch)
    given = [*(packed.x for packed in streams.values()), pooled]
    loss = sum((x.sin() * x).mean() for x in given)
    gradients = torch.autograd.grad(loss, list(encoder.parameters()))
    return (*given, loss, *gradients)


def assert_same(ours, theirs):
    for found, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("streams", [("tracks",), ("tracks", "flows")], ids=len)
@pytest.mark.parametrize("name", CHOICES)
def test_padded_tokens_change_nothing(name, streams):
    plain, padded = make_encoders(streams, **CHOICES[name])
    for lengths in (random_lengths(0), random_lengths(1), np.array([0, 0, 1]), np.array([3])):
        batch = make_batch(streams, lengths)
        assert_same(answers(padded, batch), answers(plain, batch))


def test_jets_are_dropped_with_the_spare_rows_there():
    _, padded = make_encoders(("tracks",), drop_path=0.3, dropout=0.1)
    for given in answers(padded.train(), make_batch(("tracks",), random_lengths(0))):
        assert torch.isfinite(given).all()


def test_layers_see_few_shapes():
    _, padded = make_encoders(("tracks",))
    seen = set()
    padded.layers[1].register_forward_pre_hook(lambda _, given: seen.add(given[0].shape[0]))
    with torch.no_grad():
        totals = {padded.encode(batch)["tracks"].layout.total for batch in batches(50, 300)}
    assert len(totals) > 40
    assert 1 <= len(seen) <= 3


def batches(number, jets):
    return (make_batch(("tracks",), random_lengths(seed, jets)) for seed in range(number))


def test_compiled_layers_are_the_same_and_compiled_once():
    plain, padded = make_encoders(("tracks",))
    torch._dynamo.reset()
    graphs, counts = [], []
    for part in padded.compiled_parts():
        part.compile(dynamic=True, backend=lambda graph, _: graphs.append(graph) or graph.forward)
    for seed in range(20):
        batch = make_batch(("tracks",), random_lengths(seed))
        assert_same(answers(padded, batch), answers(plain, batch))
        counts.append(len(graphs))
    assert counts[-1] == counts[0] > 0


@pytest.mark.full
def test_layers_compiled_to_machine_code_are_the_same():
    plain, padded = make_encoders(("tracks",))
    torch._dynamo.reset()
    for part in padded.compiled_parts():
        part.compile(dynamic=True, mode="reduce-overhead")
    for seed in range(5):
        torch.compiler.cudagraph_mark_step_begin()
        batch = make_batch(("tracks",), random_lengths(seed))
        assert_same(answers(padded, batch), answers(plain, batch))


def test_recomputed_layers_are_not_recorded():
    with pytest.raises(ConfigError, match="recompute") as caught:
        make_encoders(("tracks",), recompute=True)
    assert caught.value.where == "recompute"

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts, JetBatch, Layout, Packed
from salt_plugins.encoders.gn2.encoder import GN2, InitNet

VARIABLES = {"jets": ("pt", "eta"), "tracks": ("d0", "z0", "phi"), "flows": ("pt", "eta")}
LENGTHS = {"tracks": [0, 1, 0, 3, 2, 5], "flows": [0, 0, 2, 0, 3, 1]}


def facts(streams=("tracks", "flows")) -> DataFacts:
    return DataFacts("jets", {k: VARIABLES[k] for k in ("jets", *streams)}, {}, {}, {}, {})


def make_encoder(streams=("tracks", "flows"), **options) -> GN2:
    torch.manual_seed(3)
    sizes = {"num_layers": 2, "embed_dim": 16, "num_heads": 4, "out_dim": 8} | options
    encoder = GN2({name: InitNet([12]) for name in streams}, **sizes)
    encoder.build(facts(streams))
    return encoder


def make_batch(streams=("tracks", "flows"), lengths: Mapping[str, list[int]] = LENGTHS) -> JetBatch:
    generator = torch.Generator().manual_seed(5)
    num_jets = len(lengths[streams[0]])
    return JetBatch(
        "jets",
        torch.randn(num_jets, 2, generator=generator),
        {
            name: Packed(
                torch.randn(sum(lengths[name]), len(VARIABLES[name]), generator=generator),
                Layout.of(np.array(lengths[name])),
            )
            for name in streams
        },
        {},
        torch.arange(num_jets),
    )


def pick(batch: JetBatch, jets: list[int]) -> JetBatch:
    """Return a batch of some jets of another, in the order of `jets`."""
    streams = {}
    for name, packed in batch.streams.items():
        rows = torch.cat([(packed.layout.jet_index == jet).nonzero()[:, 0] for jet in jets])
        streams[name] = Packed(packed.x[rows], Layout.of(packed.layout.host_lengths[jets]))
    return JetBatch("jets", batch.x[jets], streams, {}, batch.rows[jets])


def run(encoder: GN2, batch: JetBatch) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    streams = encoder.encode(batch)
    return {name: packed.x for name, packed in streams.items()}, encoder.pool(streams, batch)


@pytest.mark.parametrize("attention", ["auto", "runs", "padded"])
@pytest.mark.parametrize("num_registers", [1, 2])
def test_a_jet_does_not_depend_on_its_batch_mates(attention, num_registers):
    encoder = make_encoder(attention=attention, num_registers=num_registers).eval()
    batch = make_batch()
    streams, pooled = run(encoder, batch)
    for jet in range(batch.num_jets):
        alone_streams, alone = run(encoder, pick(batch, [jet]))
        torch.testing.assert_close(alone[0], pooled[jet])
        for name in ("tracks", "flows"):
            mine = streams[name][batch.streams[name].layout.jet_index == jet]
            torch.testing.assert_close(alone_streams[name], mine)


def test_the_order_of_jets_does_not_matter():
    encoder, batch, order = make_encoder().eval(), make_batch(), [4, 0, 5, 2, 1, 3]
    torch.testing.assert_close(run(encoder, pick(batch, order))[1], run(encoder, batch)[1][order])


def test_the_order_of_constituents_does_not_matter():
    encoder, batch = make_encoder(("tracks",)).eval(), make_batch(("tracks",))
    packed = batch.streams["tracks"]
    turned = torch.cat([part.flip(0) for part in packed.x.split(packed.layout.host_lengths.tolist())])
    other = JetBatch("jets", batch.x, {"tracks": packed.with_x(turned)}, {}, batch.rows)
    torch.testing.assert_close(run(encoder, other)[1], run(encoder, batch)[1])


def test_constituents_of_another_stream_matter():
    encoder, batch = make_encoder().eval(), make_batch()
    flows = batch.streams["flows"]
    other = JetBatch("jets", batch.x, {**batch.streams, "flows": flows.with_x(flows.x + 1)}, {}, batch.rows)
    before, after = run(encoder, batch)[0]["tracks"], run(encoder, other)[0]["tracks"]
    jets_with_flows = torch.tensor(LENGTHS["flows"])[batch.streams["tracks"].layout.jet_index] > 0
    changed = (before - after).abs().amax(1) > 1e-5
    assert torch.equal(changed, jets_with_flows)


def test_no_register_at_all():
    encoder, batch = make_encoder(num_registers=0).eval(), make_batch()
    streams, pooled = run(encoder, batch)
    assert set(streams) == {"tracks", "flows"}
    assert torch.equal(pooled[0], torch.zeros(8)), "the jet without constituents"
    assert (pooled[1:].abs().amax(1) > 0).all()


def test_one_stream_without_registers():
    encoder, batch = make_encoder(("tracks",), num_registers=0).eval(), make_batch(("tracks",))
    assert run(encoder, batch)[0]["tracks"].shape == (11, 8)


def test_registers_reach_the_jet_without_constituents():
    encoder, batch = make_encoder(num_registers=2), make_batch()
    assert encoder.registers.shape == (2, 16)
    pooled = run(encoder, batch)[1]
    (gradient,) = torch.autograd.grad(pooled[0].square().sum() + pooled[0, 0], encoder.registers)
    assert (gradient.abs().amax(1) > 0).all()


@pytest.mark.parametrize("num_registers", [0, 2])
def test_every_parameter_gets_a_gradient(num_registers):
    options = {"gated": True, "norm": "RMSNorm", "qk_norm": True, "layer_scale": 0.5}
    encoder, batch = make_encoder(num_registers=num_registers, **options), make_batch()
    run(encoder, batch)[1].pow(3).sum().backward()
    zero_by_symmetry = {"pool_net.gate.bias"}
    without = {name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()}
    assert without <= zero_by_symmetry


@pytest.mark.parametrize(
    "options",
    [
        {"gated": True},
        {"norm": "RMSNorm"},
        {"qk_norm": True},
        {"layer_scale": 0.1},
        {"dropout": 0.3},
        {"activation": "SiLU"},
        {"ffn_dim": 24},
        {"norm_type": "post"},
        {"norm_type": "hybrid"},
        {"drop_path": 0.3},
        {"differential": True},
        {"pooling": "mean"},
    ],
    ids=str,
)
def test_options_change_the_result(options):
    batch = make_batch()
    plain, other = make_encoder(), make_encoder(**options)
    shared = plain.state_dict()
    for name, value in other.state_dict().items():
        if name in shared and shared[name].shape == value.shape:
            value.copy_(shared[name])
    difference = run(plain, batch)[1] - run(other, batch)[1]
    assert torch.isfinite(difference).all()
    assert difference.abs().max() > 1e-4


def test_the_activation_is_on_the_first_half_of_a_gated_block():
    block = make_encoder(gated=True).layers[0].feed_forward
    x = torch.randn(5, 16)
    first, second = block.in_proj(x).split(32, dim=1)
    torch.testing.assert_close(block(x), block.out_proj(first.relu() * second))


def test_a_layer_adds_what_its_branches_scale():
    layer = make_encoder(layer_scale=0.5).layers[0]
    x, layout = torch.randn(5, 16), Layout.of(np.array([2, 3]))
    normed = torch.nn.functional.layer_norm
    middle = x + 0.5 * layer.attention(normed(x, (16,)), layout)
    torch.testing.assert_close(layer(x, layout), middle + 0.5 * layer.feed_forward(normed(middle, (16,))))


def test_dropout_is_off_in_evaluation():
    batch, encoder = make_batch(), make_encoder(dropout=0.3)
    assert not torch.equal(run(encoder, batch)[1], run(encoder, batch)[1])
    encoder.eval()
    torch.testing.assert_close(run(encoder, batch)[1], run(encoder, batch)[1])
    torch.testing.assert_close(run(encoder, batch)[1], run(make_encoder().eval(), batch)[1])


def test_what_it_gives_out_and_how_it_starts():
    encoder = GN2({"tracks": InitNet([12]), "flows": InitNet([12])}, 1, 16, 4, 8)
    encoded = encoder.build(facts())
    assert encoded.pooled == 8
    assert encoded.streams == {"tracks": 8, "flows": 8}
    assert encoder.registers.std() < 1e-3
    assert not encoder.layers[0].attention.in_proj.bias.any()


def test_layers_that_are_computed_again_give_the_same_and_keep_less():
    batch, kept, results = make_batch(), [], []
    for recompute in (False, True):
        sizes = []
        encoder = make_encoder(recompute=recompute, dropout=0.1)
        torch.manual_seed(3)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x, to=sizes: to.append(x.numel()) or x, lambda x: x
        ):
            loss = run(encoder, batch)[1].square().sum()
        results.append([loss, *torch.autograd.grad(loss, list(encoder.parameters()))])
        kept.append(sum(sizes))
    torch.testing.assert_close(results[1], results[0])
    assert kept[1] < 0.5 * kept[0]


def test_heads_must_divide_the_size():
    with pytest.raises(ConfigError, match="3 heads do not divide embed_dim, which is 16"):
        make_encoder(num_heads=3)


def test_a_stream_without_an_initial_net_is_refused():
    with pytest.raises(ConfigError, match=r"stream 'flows' of data\.variables has no initial net"):
        GN2({"tracks": InitNet()}).build(facts())
    with pytest.raises(ConfigError, match="needs a stream of constituents"):
        GN2({"tracks": InitNet()}).build(facts(()))


PARAMETERS = {"mass": (100.0, 50.0)}


def conditioned(encoder: GN2, mass: list[float], streams=("tracks", "flows")) -> torch.Tensor:
    """Return the pooled vectors of a batch whose jets have the given masses."""
    batch = replace(make_batch(streams), columns={"jets": {"mass": torch.tensor(mass)}})
    return run(encoder, batch)[1]


def conditioned_encoder(conditioning: str, nets: Mapping[str, InitNet], streams=("tracks", "flows")) -> GN2:
    torch.manual_seed(3)
    encoder = GN2(dict(nets), 2, 16, 4, 8, conditioning=conditioning)
    encoder.build(replace(facts(streams), parameters=PARAMETERS))
    for film in encoder.films:
        torch.nn.init.normal_(film.net.layers[-1].weight, std=0.3)
    return encoder.eval()


@pytest.mark.parametrize("conditioning", ["concatenate", "featurewise"])
def test_each_jet_is_conditioned_on_its_own_parameter(conditioning):
    nets = {"tracks": InitNet([12], attach_global=False), "flows": InitNet([12])}
    encoder = conditioned_encoder(conditioning, nets)
    before = conditioned(encoder, [100.0] * 6)
    after = conditioned(encoder, [100.0, 150.0, 100.0, 30.0, 100.0, 100.0])
    changed = (before - after).abs().amax(1) > 1e-5
    assert changed.tolist() == [False, True, False, True, False, False]


def test_featurewise_conditions_reach_the_jet_without_constituents():
    encoder = conditioned_encoder("featurewise", {"tracks": InitNet(), "flows": InitNet()})
    difference = conditioned(encoder, [100.0] * 6)[0] - conditioned(encoder, [150.0] * 6)[0]
    assert difference.abs().max() > 1e-3


def test_featurewise_conditioning_without_parameters_is_refused():
    with pytest.raises(ConfigError, match=r"conditioning: featurewise needs the parameters"):
        make_encoder(conditioning="featurewise")


def test_the_jets_own_embedding_stands_before_the_pooled_vector():
    nets = {"tracks": InitNet([12]), "flows": InitNet([12])}
    plain, joined = GN2(nets, 2, 16, 4, 8), GN2({**nets, "global": InitNet([5])}, 2, 16, 4, 8)
    plain.build(facts())
    assert joined.build(facts()).pooled == 16
    joined.load_state_dict(plain.state_dict(), strict=False)
    batch = make_batch()
    embedded, pooled = run(joined, batch)[1].split(8, dim=1)
    torch.testing.assert_close(pooled, run(plain, batch)[1])
    torch.testing.assert_close(embedded, joined.global_net(batch.x))


def test_jet_variables_may_be_left_to_the_jets_own_net():
    nets = {"tracks": InitNet([12], attach_global=False), "global": InitNet([5])}
    encoder = GN2(nets, 2, 16, 4, 8)
    encoder.build(facts(("tracks",)))
    batch = make_batch(("tracks",))
    other = replace(batch, x=batch.x + 1)
    (tracks, pooled), (other_tracks, other_pooled) = run(encoder, batch), run(encoder, other)
    torch.testing.assert_close(tracks, other_tracks)
    torch.testing.assert_close(pooled[:, 8:], other_pooled[:, 8:])
    assert ((pooled[:, :8] - other_pooled[:, :8]).abs().amax(1) > 1e-4).all()


@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
def test_pooling_is_over_registers_and_all_streams(pooling):
    encoder, batch = make_encoder(pooling=pooling).eval(), make_batch()
    streams = encoder.encode(batch)
    reduce = {"mean": lambda x: x.mean(0), "sum": lambda x: x.sum(0), "max": lambda x: x.amax(0)}[pooling]
    for jet, pooled in enumerate(encoder.pool(streams, batch)):
        mine = torch.cat([p.x[p.layout.jet_index == jet] for p in streams.values()])
        torch.testing.assert_close(pooled, reduce(mine))


@pytest.mark.parametrize("attention", ["runs", "padded"])
def test_compiled_layers_are_the_same_and_not_compiled_anew_for_other_batches(attention):
    encoder, plain = (make_encoder(("tracks",), attention=attention) for _ in range(2))
    torch._dynamo.reset()
    graphs, counts = [], []
    for layer in encoder.compiled_parts():
        layer.compile(dynamic=True, backend=lambda graph, _: graphs.append(graph) or graph.forward)
    for seed in range(20):
        random = np.random.default_rng(seed)
        lengths = np.sort(random.integers(0, 12, random.integers(5, 30))).tolist()
        batch = make_batch(("tracks",), {"tracks": lengths})
        losses = [run(one, batch)[1].square().sum() for one in (encoder, plain)]
        gradients = [
            torch.autograd.grad(loss, list(one.parameters()))
            for loss, one in zip(losses, (encoder, plain), strict=True)
        ]
        torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-5, atol=1e-5)
        counts.append(len(graphs))
    assert counts[-1] == counts[0] > 0

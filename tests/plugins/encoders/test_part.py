"""part, against the same model written plainly on padded tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from salt_core import ConfigError, DataFacts, JetBatch, Layout, Packed
from salt_core.nn.edges import CENTRE_AND_WIDTH, FLOOR, EdgeColumns
from salt_plugins.encoders.part.encoder import ParticleTransformer

VARIABLES = {"jets": ("pt", "eta"), "tracks": ("d0", "z0"), "flows": ("energy",)}
SORTED = {"tracks": [0, 1, 0, 3, 2, 4], "flows": [0, 0, 2, 0, 3, 2]}
UNSORTED = {"tracks": [4, 0, 3, 2, 0, 1], "flows": [0, 2, 1, 0, 0, 0]}
COLUMNS = {"tracks": EdgeColumns(), "flows": EdgeColumns("flow_pt", "flow_eta", "flow_phi")}
HEADS, SIZE = 2, 8


def make_encoder(streams=("tracks", "flows"), **options) -> ParticleTransformer:
    torch.manual_seed(3)
    small = {"embed_dims": [6, SIZE], "num_layers": 2, "num_heads": HEADS, "pair_embed_dims": [5, 5]}
    columns = {name: COLUMNS[name] for name in streams}
    encoder = ParticleTransformer(columns, **small | {"pt_to_gev": 1.0} | options)
    encoder.build(DataFacts("jets", {k: VARIABLES[k] for k in ("jets", *streams)}, {}, {}, {}, {}))
    for parameter in encoder.parameters():
        # Scales and norms that start as ones and zeros must do something.
        nn.init.normal_(parameter, mean=parameter.mean().item(), std=0.3)
    return encoder.eval()


def make_batch(lengths=SORTED, streams=("tracks", "flows")) -> JetBatch:
    generator = torch.Generator().manual_seed(5)
    num_jets = len(lengths["tracks"])
    columns = {}
    for name in streams:
        pt, eta, phi = torch.rand(3, sum(lengths[name]), generator=generator)
        columns[name] = dict(zip(COLUMNS[name].names(), (5 * pt, eta, 8 * phi), strict=True))
    packed = {
        name: Packed(
            torch.randn(sum(lengths[name]), len(VARIABLES[name]), generator=generator),
            Layout.of(np.array(lengths[name])),
        )
        for name in streams
    }
    x = torch.randn(num_jets, 2, generator=generator)
    return JetBatch("jets", x, packed, columns, torch.arange(num_jets))


def padded_features(pt, eta, phi):
    """Compute the features of all pairs of slots (B, L, L, 4) of columns (B, L)."""
    turn = (phi[:, :, None] - phi[:, None]).abs() % (2 * math.pi)
    dphi, deta = torch.minimum(turn, 2 * math.pi - turn), eta[:, :, None] - eta[:, None]
    angle, least = (dphi**2 + deta**2).sqrt(), torch.minimum(pt[:, :, None], pt[:, None])
    mass2 = 2 * (pt[:, :, None] * pt[:, None]).double() * (deta.double().cosh() - dphi.double().cos())

    def log(name, value, floor=FLOOR):
        centre, width = CENTRE_AND_WIDTH[name]
        return (value.clamp(min=floor).log() - centre) / width

    z, mass = log("z", least / (pt[:, :, None] + pt[:, None])), log("mass", mass2, FLOOR**2).float()
    return torch.stack([log("dR", angle), log("kT", least * angle), z, mass], dim=-1)


def padded_inputs(encoder, batch):
    """Embed padded constituents of all streams, with rubbish where there is none: (B, L, D), columns, valid."""
    sets, columns, valid = [], [], []
    for name, net in encoder.embeddings.items():
        x, real = batch.padded(name)
        layout = batch.streams[name].layout
        own = torch.full((3, *real.shape), 2.0)
        own[:, layout.jet_index, layout.slot] = torch.stack(list(batch.raw(name).values()))
        jet = batch.x[:, None].expand(-1, x.shape[1], -1)
        x = F.gelu(net.first.first_layer(torch.cat([jet, x.masked_fill(~real[..., None], 9.0)], dim=-1)))
        for norm, linear in net.further:
            x = F.gelu(linear(norm(x)))
        sets.append(x)
        columns.append(own)
        valid.append(real)
    return torch.cat(sets, dim=1), torch.cat(columns, dim=2), torch.cat(valid, dim=1)


def heads_of(linear, x, parts):
    return linear(x).unflatten(-1, (parts, HEADS, -1)).unbind(-3)


def mixed(q, k, v, allowed, bias=0.0):
    """Attend: queries (B, I, H, d) to keys (B, J, H, d) that are allowed (B, J)."""
    score = torch.einsum("bihd,bjhd->bijh", q, k) / (SIZE / HEADS) ** 0.5 + bias
    share = score.masked_fill(~allowed[:, None, :, None], -torch.inf).softmax(2).nan_to_num()
    return torch.einsum("bijh,bjhd->bihd", share, v)


def feed_forward(net, x):
    return net.scale * x + net.out_proj(net.hidden_norm(F.gelu(net.in_proj(net.norm(x)))))


def padded_model(encoder, batch):
    x, columns, valid = padded_inputs(encoder, batch)
    bias = padded_features(*columns)
    *hidden, last = encoder.pair_net.net.layers
    for layer in hidden:
        bias = F.gelu(layer(bias))
    bias = last(bias)
    for block in encoder.layers:
        attention = block.attention
        heads = mixed(*heads_of(attention.in_proj, block.norm(x), 3), valid, bias) * attention.head_scale
        x = feed_forward(block.feed_forward, x + block.attended_norm(attention.out_proj(heads.flatten(2))))
    token = encoder.class_token.expand(batch.num_jets, 1, -1)
    allowed = torch.cat([torch.ones(batch.num_jets, 1, dtype=torch.bool), valid], dim=1)
    for block in encoder.class_layers:
        attention, tokens = block.attention, block.norm(torch.cat([token, x], dim=1))
        (q,), (k, v) = heads_of(attention.q_proj, tokens[:, :1], 1), heads_of(attention.kv_proj, tokens, 2)
        heads = mixed(q, k, v, allowed) * attention.head_scale
        attended = block.attended_norm(attention.out_proj(heads.flatten(2)))
        token = feed_forward(block.feed_forward, token + attended)
    rows, start = {}, 0
    for name in encoder.embeddings:
        real = batch.padded(name)[1]
        rows[name] = x[:, start : start + real.shape[1]][real]
        start += real.shape[1]
    return rows, encoder.norm(token[:, 0])


def run(encoder, batch):
    streams = encoder.encode(batch)
    return {name: streams[name].x for name in batch.streams}, encoder.pool(streams, batch)


def scalar(rows, pooled):
    """Make a number that every value enters with a weight of its own."""
    return sum((x * torch.linspace(-1, 1, x.numel()).view_as(x)).sum() for x in (*rows.values(), pooled))


@pytest.mark.parametrize("attention", ["auto", "padded"])
@pytest.mark.parametrize("lengths", [SORTED, UNSORTED], ids=["sorted", "unsorted"])
@pytest.mark.parametrize("streams", [("tracks",), ("tracks", "flows")], ids=str)
def test_values_and_gradients_are_those_of_the_padded_model(attention, lengths, streams):
    encoder, batch = make_encoder(streams, attention=attention), make_batch(lengths, streams)
    (rows, pooled), (expected_rows, expected) = run(encoder, batch), padded_model(encoder, batch)
    torch.testing.assert_close(rows, expected_rows, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(pooled, expected, atol=1e-5, rtol=1e-5)
    parameters = dict(encoder.named_parameters())
    ours = torch.autograd.grad(scalar(rows, pooled), list(parameters.values()))
    theirs = torch.autograd.grad(scalar(expected_rows, expected), list(parameters.values()))
    for name, our, their in zip(parameters, ours, theirs, strict=True):
        assert (our - their).abs().max() <= 1e-5 * max(1.0, their.abs().max()), name
        # What is added to all scores of a head alike changes nothing.
        assert our.abs().max() > 1e-4 or name == "pair_net.net.layers.2.bias", name


def test_which_momentum_is_whose_matters():
    encoder, batch = make_encoder(("tracks",)), make_batch(streams=("tracks",))
    lengths = SORTED["tracks"]
    turned = torch.cat([part.flip(0) for part in torch.arange(sum(lengths)).split(lengths)])
    columns = {name: values[turned] for name, values in batch.raw("tracks").items()}
    other = JetBatch("jets", batch.x, batch.streams, {"tracks": columns}, batch.rows)
    changed = (run(encoder, other)[1] - run(encoder, batch)[1]).abs().amax(1) > 1e-4
    assert changed.tolist() == [length > 2 for length in lengths], "two tracks are symmetric"


def test_constituents_of_two_streams_are_pairs_too():
    encoder, batch = make_encoder(), make_batch()
    flows = {name: values + 0.5 for name, values in batch.raw("flows").items()}
    other = JetBatch("jets", batch.x, batch.streams, {**batch.columns, "flows": flows}, batch.rows)
    before, after = run(encoder, batch)[0]["tracks"], run(encoder, other)[0]["tracks"]
    with_flows = torch.tensor(SORTED["flows"])[batch.streams["tracks"].layout.jet_index] > 0
    assert torch.equal((before - after).abs().amax(1) > 1e-5, with_flows)


def test_a_batch_of_empty_jets_reaches_every_parameter():
    encoder = make_encoder(("tracks",))
    batch = make_batch({"tracks": [0, 0]}, ("tracks",))
    rows, pooled = run(encoder, batch)
    torch.testing.assert_close(pooled, padded_model(encoder, batch)[1])
    (rows["tracks"].sum() + pooled.sum()).backward()
    assert [name for name, parameter in encoder.named_parameters() if parameter.grad is None] == []


def test_dropout_is_in_particle_attention_and_in_training_only():
    encoder, batch = make_encoder(dropout=0.5), make_batch()
    assert torch.equal(run(encoder, batch)[1], run(encoder, batch)[1])
    encoder.train()
    first, second = run(encoder, batch)[1], run(encoder, batch)[1]
    empty = torch.tensor(SORTED["tracks"]) + torch.tensor(SORTED["flows"]) == 0
    assert torch.equal((first != second).any(1), ~empty)


def test_bfloat16_is_close():
    encoder, batch = make_encoder(), make_batch()
    exact = run(encoder, batch)[1]
    with torch.autocast("cpu", torch.bfloat16):
        mixed_precision = run(encoder, batch)[1]
    assert not torch.equal(mixed_precision, exact)
    # 8 bits a number; the jet's vector is normalised, so its values are of order one.
    assert (mixed_precision.float() - exact).abs().max() < 0.05


def test_compiled_blocks_are_not_compiled_anew_for_other_runs():
    encoder, plain = make_encoder(), make_encoder()
    torch._dynamo.reset()
    graphs, counts = [], []
    for block in encoder.compiled_parts():
        block.compile(dynamic=True, backend=lambda graph, _: graphs.append(graph) or graph.forward)
    for seed in range(4):
        lengths = np.sort(np.random.default_rng(seed).integers(0, 9, 12)).tolist()
        batch = make_batch({"tracks": lengths, "flows": lengths[::-1]})
        torch.testing.assert_close(run(encoder, batch)[1], run(plain, batch)[1])
        counts.append(len(graphs))
    assert counts[-1] == counts[0] > 0


def close_pairs(num_jets, seed):
    """Make jets of charges, and tell the sign that the charges of the two tracks close to each other have."""
    generator = torch.Generator().manual_seed(seed)
    layout = Layout.of(np.repeat([4, 6], num_jets // 2))
    charge = torch.randn(layout.total, 1, generator=generator)
    eta, phi = 2 * torch.rand(2, layout.total, generator=generator) - 1
    positive = torch.rand(num_jets, generator=generator) < 0.5
    first, second = layout.starts, layout.starts + 1
    for row in (first, second):
        charge[row] = charge[row].abs() * torch.where(positive, 1, -1)[:, None]
    eta[second], phi[second] = eta[first] + 0.05, phi[first]
    columns = {"tracks": {"pt": torch.ones(layout.total), "eta": eta, "phi": phi}}
    packed, rows = Packed(charge, layout), torch.arange(num_jets)
    return JetBatch("jets", torch.zeros(num_jets, 0), {"tracks": packed}, columns, rows), positive


def test_it_learns_what_only_pairs_tell():
    batch, positive = close_pairs(500, seed=1)
    torch.manual_seed(0)
    encoder = ParticleTransformer(None, [16], 2, 2, 1, pair_embed_dims=[16], pt_to_gev=1.0, dropout=0.0)
    encoder.build(DataFacts("jets", {"jets": (), "tracks": ("charge",)}, {}, {}, {}, {}))
    head = nn.Linear(16, 1)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=5e-3)
    for _ in range(75):
        optimizer.zero_grad()
        logits = head(run(encoder, batch)[1])[:, 0]
        F.binary_cross_entropy_with_logits(logits, positive.float()).backward()
        optimizer.step()
    batch, positive = close_pairs(1000, seed=2)
    right = (head(run(encoder, batch)[1])[:, 0] > 0) == positive
    # 0.85 where no pair is closer than the others.
    assert right.float().mean() > 0.95


def test_the_paper_s_sizes_are_the_defaults():
    encoder = ParticleTransformer()
    encoded = encoder.build(
        DataFacts("jets", {"jets": (), "tracks": tuple("abcdefghijklmnopq")}, {}, {}, {}, {})
    )
    assert encoder.columns() == {"tracks": ["pt", "eta", "phi"]}
    assert (encoded.pooled, encoded.streams) == (128, {"tracks": 128})
    # The paper counts 2.14 million, batch norms and its head included.
    assert sum(p.numel() for p in encoder.parameters()) == pytest.approx(2.14e6, rel=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embed_dims": []}, "embed_dims: .*one size or more"),
        ({"embed_dims": [8, 0]}, "embed_dims: .*one size or more"),
        ({"num_heads": 3}, "num_heads: 3 heads do not divide embed_dims, which end in 8"),
        ({"num_class_layers": 0}, "num_class_layers: 0 is no size"),
        ({"attention": "varlen"}, "attention: 'varlen' takes no bias"),
        ({"pair_features": []}, "pair_features: .*one feature or more"),
        ({"pair_embed_dims": [0]}, "pair_embed_dims: .*a layer has 1 value or more"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        make_encoder(**options)


@pytest.mark.parametrize(
    ("columns", "streams", "message"),
    [
        (None, ("tracks", "flows"), r"columns: stream 'flows' of data\.variables has none; name them"),
        (
            {"trakcs": EdgeColumns(), "tracks": EdgeColumns()},
            ("tracks",),
            r"columns\.trakcs: .*mean 'tracks'",
        ),
        (None, (), "needs a stream of constituents"),
    ],
    ids=["no columns", "no stream", "nothing"],
)
def test_streams_and_columns_must_go_together(columns, streams, message):
    encoder = ParticleTransformer(columns)
    with pytest.raises(ConfigError, match=message):
        encoder.build(DataFacts("jets", {k: VARIABLES[k] for k in ("jets", *streams)}, {}, {}, {}, {}))

"""gn2 with edges, against the same model written plainly on padded tensors."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml

from salt_core import ConfigError, DataFacts, JetBatch, Layout, Packed
from salt_core.nn.edges import CENTRE_AND_WIDTH, FLOOR, EdgeColumns, Edges
from salt_plugins.encoders.gn2.encoder import GN2, InitNet

VARIABLES = {"jets": ("pt", "eta"), "tracks": ("d0", "z0"), "flows": ("energy",)}
SORTED = {"tracks": [0, 1, 0, 3, 2, 4], "flows": [0, 0, 2, 0, 3, 2]}
UNSORTED = {"tracks": [4, 0, 3, 2, 0, 1], "flows": [0, 2, 1, 0, 0, 0]}
HEADS, SIZE = 2, 8


def make_encoder(streams=("tracks", "flows"), edges=None, **options) -> GN2:
    torch.manual_seed(3)
    sizes = {"num_layers": 2, "embed_dim": SIZE, "num_heads": HEADS, "out_dim": 6, "num_registers": 2}
    edges = {"tracks": Edges(hidden_layers=[7], pt_to_gev=1.0)} if edges is None else edges
    encoder = GN2({name: InitNet([5]) for name in streams}, **sizes | options, edges=edges)
    encoder.build(DataFacts("jets", {k: VARIABLES[k] for k in ("jets", *streams)}, {}, {}, {}, {}))
    return encoder


def make_batch(lengths=SORTED, streams=("tracks", "flows"), seed=5) -> JetBatch:
    generator = torch.Generator().manual_seed(seed)
    num_jets, num_tracks = len(lengths["tracks"]), sum(lengths["tracks"])
    pt, eta, phi = torch.rand(3, num_tracks, generator=generator)
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
        {"tracks": {"pt": 5 * pt, "eta": eta, "phi": 8 * phi}},
        torch.arange(num_jets),
    )


def padded_edges(batch: JetBatch, length: int) -> torch.Tensor:
    """Compute the features of all pairs of slots, (B, L, L, 5), rubbish in those without a track."""
    layout = batch.streams["tracks"].layout
    columns = torch.full((3, batch.num_jets, length), 3.0)
    columns[:, layout.jet_index, layout.slot] = torch.stack(list(batch.raw("tracks").values()))
    (pt_a, eta_a, phi_a), (pt_b, eta_b, phi_b) = columns[:, :, :, None], columns[:, :, None, :]
    turn = (phi_a - phi_b).abs() % (2 * math.pi)
    dphi, deta = torch.minimum(turn, 2 * math.pi - turn), eta_a - eta_b
    angle, least = (dphi**2 + deta**2).sqrt(), torch.minimum(pt_a, pt_b)
    mass2 = 2 * pt_a.double() * pt_b * (deta.double().cosh() - dphi.double().cos())

    def log(name, value, floor=FLOOR):
        centre, width = CENTRE_AND_WIDTH[name]
        return (value.clamp(min=floor).log() - centre) / width

    loops = torch.eye(length).expand(batch.num_jets, length, length)
    z, mass = log("z", least / (pt_a + pt_b)), log("mass", mass2, FLOOR**2).float()
    return torch.stack([log("dR", angle), log("kT", least * angle), z, loops, mass], dim=-1)


def dense(net, x):
    *hidden, last = net.layers
    for layer in hidden:
        x = net.activation(layer(x))
    return last(x)


def padded_model(encoder: GN2, batch: JetBatch) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Encode padded sets of two registers, tracks and flow objects, with a mask; jet by jet as in `batch`."""
    sets, masks, slots = [encoder.registers.expand(batch.num_jets, -1, -1)], [], {}
    masks.append(torch.ones(batch.num_jets, 2, dtype=torch.bool))
    for name, net in encoder.init_nets.items():
        x, valid = batch.padded(name)
        slots[name] = slice(sum(mask.shape[1] for mask in masks), None)
        x = x.masked_fill(~valid[..., None], 1e3)
        jet = batch.x[:, None].expand(-1, x.shape[1], -1)
        sets.append(dense(net, torch.cat([jet, x], dim=-1)))
        masks.append(valid)
    x, valid = torch.cat(sets, dim=1), torch.cat(masks, dim=1)
    num_tracks = masks[1].shape[1]
    bias = torch.zeros(batch.num_jets, x.shape[1], x.shape[1], HEADS)
    biases = dense(encoder.edges["tracks"].net, padded_edges(batch, num_tracks))
    within = slice(2, 2 + num_tracks)
    bias[:, within, within] = biases
    for layer in encoder.layers:
        q, k, v = layer.attention.in_proj(F.layer_norm(x, (SIZE,))).unflatten(-1, (3, HEADS, -1)).unbind(2)
        score = torch.einsum("bihd,bjhd->bijh", q, k) / (SIZE / HEADS) ** 0.5 + bias
        share = score.masked_fill(~valid[:, None, :, None], -torch.inf).softmax(2)
        mixed = torch.einsum("bijh,bjhd->bihd", share, v).flatten(2)
        x = x + layer.attention.out_proj(mixed)
        forward = layer.feed_forward
        x = x + forward.out_proj(forward.in_proj(F.layer_norm(x, (SIZE,))).relu())
    x = F.layer_norm(encoder.out_proj(x), (6,))
    share = encoder.pool_net.gate(x)[..., 0].masked_fill(~valid, -torch.inf).softmax(1)
    rows = {
        name: x[:, slots[name]][:, : mask.shape[1]][mask] for name, mask in zip(slots, masks[1:], strict=True)
    }
    return rows, (share[..., None] * x).sum(1)


def run(encoder: GN2, batch: JetBatch) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    streams = encoder.encode(batch)
    return {name: streams[name].x for name in batch.streams}, encoder.pool(streams, batch)


def scalar(rows: dict[str, torch.Tensor], pooled: torch.Tensor) -> torch.Tensor:
    """Make a number that every value enters with a weight of its own."""
    return sum((x * torch.linspace(-1, 1, x.numel()).view_as(x)).sum() for x in (*rows.values(), pooled))


def pick(batch: JetBatch, rows: torch.Tensor, jets: list[int]) -> JetBatch:
    """Return a batch of some jets and of some tracks, in the order given."""
    layout = batch.streams["tracks"].layout
    tracks = Packed(batch.streams["tracks"].x[rows], Layout.of(layout.host_lengths[jets]))
    columns = {name: values[rows] for name, values in batch.raw("tracks").items()}
    return JetBatch("jets", batch.x[jets], {"tracks": tracks}, {"tracks": columns}, batch.rows[jets])


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
        torch.testing.assert_close(our, their, atol=1e-5, rtol=1e-4, msg=lambda m, name=name: f"{name}: {m}")
        assert our.any() or not name.startswith("edges")


def test_the_order_of_tracks_does_not_matter_but_which_momentum_is_whose_does():
    encoder, batch = make_encoder(("tracks",)), make_batch(streams=("tracks",))
    lengths = batch.streams["tracks"].layout.host_lengths.tolist()
    turned = torch.cat([part.flip(0) for part in torch.arange(sum(lengths)).split(lengths)])
    before, after = run(encoder, batch), run(encoder, pick(batch, turned, list(range(6))))
    torch.testing.assert_close(after[1], before[1])
    torch.testing.assert_close(after[0]["tracks"], before[0]["tracks"][turned])
    columns = {name: values[turned] for name, values in batch.raw("tracks").items()}
    mixed = JetBatch("jets", batch.x, batch.streams, {"tracks": columns}, batch.rows)
    changed = (run(encoder, mixed)[1] - before[1]).abs().amax(1) > 1e-4
    assert changed.tolist() == [length > 2 for length in lengths], "two tracks are symmetric"


def test_a_jet_does_not_depend_on_its_batch_mates():
    encoder, batch = make_encoder(("tracks",)), make_batch(streams=("tracks",))
    pooled = run(encoder, batch)[1]
    for jet in range(batch.num_jets):
        rows = (batch.streams["tracks"].layout.jet_index == jet).nonzero()[:, 0]
        torch.testing.assert_close(run(encoder, pick(batch, rows, [jet]))[1][0], pooled[jet])


@pytest.mark.parametrize("num_registers", [0, 1])
def test_a_batch_of_empty_jets_reaches_every_parameter(num_registers):
    encoder = make_encoder(("tracks",), num_registers=num_registers)
    batch = make_batch({"tracks": [0, 0, 0]}, ("tracks",))
    rows, pooled = run(encoder, batch)
    assert torch.isfinite(pooled).all()
    (rows["tracks"].sum() + pooled.sum()).backward()
    without = {name for name, parameter in encoder.named_parameters() if parameter.grad is None}
    assert without == set()


@pytest.mark.parametrize("options", [{"differential": True}, {"norm_type": "hybrid"}, {"norm_type": "post"}])
def test_every_kind_of_layer_sees_the_edges(options):
    encoder, batch = make_encoder(("tracks",), **options), make_batch(streams=("tracks",))
    pooled = run(encoder, batch)[1]
    (gradient,) = torch.autograd.grad(pooled.pow(3).sum(), encoder.edges["tracks"].net.layers[0].weight)
    assert (gradient.abs().amax(0) > 0).all(), "each of the features"


def test_bfloat16_is_close():
    encoder, batch = make_encoder(), make_batch()
    exact = run(encoder, batch)[1]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = run(encoder, batch)[1]
    assert not torch.equal(mixed, exact)
    # 8 bits a number; each jet's vector is normalised, so its values are of order one.
    assert (mixed.float() - exact).abs().max() < 0.05


def test_it_learns_what_only_pairs_tell():
    """Jets with two tracks close to each other, against jets of scattered ones; the inputs are noise."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    lengths = np.sort(np.random.default_rng(0).integers(2, 7, 300))
    layout = Layout.of(lengths)
    signal = torch.rand(300, generator=generator) < 0.5
    eta, phi = 2 * torch.rand(2, layout.total, generator=generator) - 1
    starts = layout.starts[signal]
    eta[starts + 1], phi[starts + 1] = eta[starts] + 0.02, phi[starts]
    columns = {"tracks": {"pt": torch.ones(layout.total), "eta": eta, "phi": phi}}
    x = torch.randn(layout.total, 2, generator=generator)
    batch = JetBatch("jets", torch.zeros(300, 2), {"tracks": Packed(x, layout)}, columns, torch.arange(300))
    edges = {"tracks": Edges(["dR"], hidden_layers=[16], pt_to_gev=1.0)}
    encoder = make_encoder(("tracks",), edges, embed_dim=16)
    head = torch.nn.Linear(6, 1)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        logits = head(run(encoder, batch)[1])[:, 0]
        F.binary_cross_entropy_with_logits(logits, signal.float()).backward()
        optimizer.step()
    assert ((logits > 0) == signal).float().mean() > 0.9


def test_a_stream_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"edges\.trakcs: .* no such stream; did you mean 'tracks'"):
        make_encoder(edges={"trakcs": Edges()})


def test_varlen_is_refused_at_once():
    with pytest.raises(ConfigError, match=r"attention: 'varlen' takes no bias"):
        make_encoder(attention="varlen")


def test_the_columns_named_are_asked_for():
    encoder = make_encoder(edges={"tracks": Edges(columns=EdgeColumns(pt="track_pt"))})
    assert encoder.columns() == {"tracks": ["track_pt", "eta", "phi"]}
    assert make_encoder(edges={}).columns() == {}


def test_trained_and_evaluated_from_yaml(sample, salt, the_run):
    edges = {"features": ["dR", "mass"], "columns": {"pt": "hits", "eta": "z0", "phi": "origin"}}
    file = sample.folder / "edges.yaml"
    file.write_text(yaml.safe_dump({"model": {"encoder": {"edges": {"tracks": edges}}}}))
    done = salt("fit", "--config", sample.config, "--config", file, "--force")
    assert done.code == 0, done.err
    run_folder = the_run(sample.folder)
    done = salt("test", "--config", run_folder / "config.yaml", "--data.test_file", sample.file("test"))
    assert done.code == 0, done.err
    assert list(run_folder.rglob("*.h5"))


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ({"tracks": {}}, r"data\.train_file: dataset '/tracks' .* has no variable 'pt'"),
        ({"flows": {}}, r"model\.encoder.*'flows'.*data\.variables has no such"),
        ({"tracks": {"features": ["dr"]}}, r"model\.encoder\.edges.*dR"),
    ],
    ids=["column", "stream", "feature"],
)
def test_what_is_missing_is_told_with_its_key_path(sample, salt, edges, message):
    file = sample.folder / "edges.yaml"
    file.write_text(yaml.safe_dump({"model": {"encoder": {"edges": edges}}}))
    done = salt("fit", "--config", sample.config, "--config", file)
    assert done.code == 2
    assert re.search(message, " ".join(done.err.split())), done.err

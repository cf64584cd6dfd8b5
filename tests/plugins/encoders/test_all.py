"""What holds for every encoder, whatever it does inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from salt_core import DataFacts, Encoder, JetBatch, Layout, Packed
from salt_core.data.one_jet import OneJet
from salt_core.interfaces.dataloader import LoadRequest, Selection
from salt_core.nn.edges import EdgeColumns, Edges
from salt_core.nn.embedding import InitNet
from salt_core.nn.positions import PositionalEncoding
from salt_plugins.dataloaders.hdf5.loader import Hdf5
from salt_plugins.encoders.deepsets.encoder import DeepSets
from salt_plugins.encoders.dense.encoder import JetNet
from salt_plugins.encoders.gn2.encoder import GN2
from salt_plugins.encoders.part.encoder import ParticleTransformer

VARIABLES = {"jets": ("pt", "eta"), "tracks": ("d0", "z0", "theta"), "flows": ("charge", "dr")}
FACTS = DataFacts("jets", VARIABLES, {}, {}, {}, {}, {"mass": (100.0, 50.0)})
LENGTHS = {"tracks": [0, 1, 0, 3, 2, 5], "flows": [0, 0, 2, 0, 3, 1]}
COLUMNS = {"tracks": EdgeColumns(), "flows": EdgeColumns()}
NETS = {"tracks": InitNet([12]), "flows": InitNet([12])}
SMALL = {"num_layers": 2, "embed_dim": 16, "num_heads": 4, "out_dim": 8}
MODERN = {"gated": True, "norm": "RMSNorm", "qk_norm": True, "layer_scale": 0.5, "activation": "SiLU"}

#: Encoders by a name of what is special about them; each is made anew for each test.
ENCODERS: Mapping[str, Callable[[], Encoder]] = {
    "gn2": lambda: GN2(NETS, **SMALL),
    "gn2 padded": lambda: GN2(NETS, **SMALL, attention="padded"),
    "gn2 modern": lambda: GN2(NETS, **SMALL, **MODERN, num_registers=3),
    "gn2 post": lambda: GN2(NETS, **SMALL, norm_type="post", drop_path=0.1, dropout=0.1),
    "gn2 hybrid": lambda: GN2(NETS, **SMALL, norm_type="hybrid"),
    "gn2 differential": lambda: GN2(NETS, **SMALL, differential=True, pooling="max"),
    "gn2 featurewise": lambda: GN2(NETS, **SMALL, conditioning="featurewise", pooling="mean"),
    "gn2 no register": lambda: GN2(NETS, **SMALL, num_registers=0, pooling="sum"),
    "gn2 global": lambda: GN2(
        {name: InitNet([12], attach_global=False) for name in NETS} | {"global": InitNet([8])}, **SMALL
    ),
    "gn2 pos_enc": lambda: GN2(
        NETS | {"tracks": InitNet([12], pos_enc=PositionalEncoding(["theta"]))}, **SMALL
    ),
    "gn2 edges": lambda: GN2(NETS, **SMALL, edges={"tracks": Edges()}),
    "gn2 differential edges": lambda: GN2(NETS, **SMALL, edges={"flows": Edges()}, differential=True),
    "deepsets": lambda: DeepSets(NETS, 16, [16], 8),
    "deepsets attention": lambda: DeepSets(NETS, 16, [16], 8, pooling="attention"),
    "dense": lambda: JetNet([16, 8]),
    "part": lambda: ParticleTransformer(COLUMNS, [16], 2, 4, pair_embed_dims=[8], dropout=0.0),
}

#: Those that learn as another one does.
SAME_MATHS = ("gn2 padded", "gn2 no register", "gn2 pos_enc", "gn2 differential edges")


@pytest.fixture(params=ENCODERS)
def encoder(request) -> Encoder:
    """An encoder, built, in evaluation, whose parts that start as nothing do something."""
    torch.manual_seed(3)
    encoder = ENCODERS[request.param]()
    encoder.build(FACTS)
    for parameter in encoder.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return encoder.eval()


def make_batch(encoder: Encoder, lengths: Mapping[str, list[int]] = LENGTHS, seed: int = 5) -> JetBatch:
    """Return random jets with what the encoder asks for."""
    generator = torch.Generator().manual_seed(seed)
    num_jets = len(lengths["tracks"])
    layouts = {name: Layout.of(np.array(lengths[name], dtype=np.int64)) for name in lengths}
    rows = {"jets": num_jets} | {name: layout.total for name, layout in layouts.items()}
    columns = {
        name: {key: torch.rand(rows[name], generator=generator) + 0.5 for key in keys}
        for name, keys in encoder.columns().items()
    }
    columns["jets"] = {**columns.get("jets", {}), "mass": 300 * torch.rand(num_jets, generator=generator)}
    streams = {
        name: Packed(torch.randn(layout.total, len(VARIABLES[name]), generator=generator), layout)
        for name, layout in layouts.items()
    }
    x = torch.randn(num_jets, 2, generator=generator)
    return JetBatch("jets", x, streams, columns, torch.arange(num_jets))


def pick(batch: JetBatch, jets: list[int], turned: bool = False) -> JetBatch:
    """Return a batch of some jets of another, in the order of `jets`; constituents turned about if asked."""
    rows = {"jets": torch.tensor(jets)}
    for name, packed in batch.streams.items():
        per_jet = [(packed.layout.jet_index == jet).nonzero()[:, 0] for jet in jets]
        rows[name] = torch.cat([of_jet.flip(0) if turned else of_jet for of_jet in per_jet])
    streams = {
        name: Packed(packed.x[rows[name]], Layout.of(packed.layout.host_lengths[jets]))
        for name, packed in batch.streams.items()
    }
    columns = {
        name: {key: values[rows[name]] for key, values in of_object.items()}
        for name, of_object in batch.columns.items()
    }
    return JetBatch("jets", batch.x[jets], streams, columns, batch.rows[jets])


def run(encoder: Encoder, batch: JetBatch) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    streams = encoder.encode(batch)
    return {name: packed.x for name, packed in streams.items()}, encoder.pool(streams, batch)


def test_it_gives_out_what_it_says(encoder):
    encoded = encoder.build(FACTS)
    batch = make_batch(encoder)
    streams, pooled = run(encoder, batch)
    assert pooled.shape == (6, encoded.pooled)
    for name, size in encoded.streams.items():
        assert streams[name].shape == (sum(LENGTHS[name]), size)


def test_a_jet_does_not_depend_on_its_batch_mates(encoder):
    batch = make_batch(encoder)
    streams, pooled = run(encoder, batch)
    for jet in range(batch.num_jets):
        alone_streams, alone = run(encoder, pick(batch, [jet]))
        torch.testing.assert_close(alone[0], pooled[jet])
        for name in set(streams) & set(LENGTHS):
            mine = streams[name][batch.streams[name].layout.jet_index == jet]
            torch.testing.assert_close(alone_streams[name], mine)


def test_a_jet_whose_length_is_told_late_is_the_same(encoder):
    batch = make_batch(encoder)
    streams, pooled = run(encoder, batch)
    for jet in range(batch.num_jets):
        alone = pick(batch, [jet])
        traced = {name: Packed(p.x, OneJet(len(p.x), p.x)) for name, p in alone.streams.items()}
        alone_streams, pooled_alone = run(encoder, replace(alone, streams=traced))
        torch.testing.assert_close(pooled_alone[0], pooled[jet])
        for name in set(streams) & set(LENGTHS):
            mine = streams[name][batch.streams[name].layout.jet_index == jet]
            torch.testing.assert_close(alone_streams[name], mine)


def test_the_order_of_jets_does_not_matter(encoder):
    batch, order = make_batch(encoder), [4, 0, 5, 2, 1, 3]
    torch.testing.assert_close(run(encoder, pick(batch, order))[1], run(encoder, batch)[1][order])


def test_constituents_in_another_order_give_the_same_jet_and_their_own_vectors(encoder):
    batch = make_batch(encoder)
    turned = pick(batch, list(range(6)), turned=True)
    (streams, pooled), (turned_streams, turned_pooled) = run(encoder, batch), run(encoder, turned)
    torch.testing.assert_close(turned_pooled, pooled)
    for name in set(streams) & set(LENGTHS):
        lengths = LENGTHS[name]
        back = torch.cat([part.flip(0) for part in turned_streams[name].split(lengths)])
        torch.testing.assert_close(back, streams[name])


def test_jets_differ(encoder):
    pooled = run(encoder, make_batch(encoder))[1]
    distances = torch.cdist(pooled, pooled) + 10 * torch.eye(6)
    # A jet without constituents and without an own net or register is nothing but its parameters.
    assert (distances.amin(1) > 1e-4).all() or not pooled[0].any()


def test_every_input_matters(encoder):
    batch = make_batch(encoder)
    batch = replace(
        batch,
        x=batch.x.requires_grad_(),
        streams={name: p.with_x(p.x.requires_grad_()) for name, p in batch.streams.items()},
        columns={"jets": {**batch.columns["jets"], "mass": batch.columns["jets"]["mass"].requires_grad_()}}
        | {name: c for name, c in batch.columns.items() if name != "jets"},
    )
    streams, pooled = run(encoder, batch)
    given_out = [x for name, x in streams.items() if name in LENGTHS]
    inputs = [batch.x, batch.columns["jets"]["mass"]]
    if given_out:
        inputs += [packed.x for packed in batch.streams.values()]
    for gradient in torch.autograd.grad(pooled.pow(3).sum(), inputs):
        assert gradient.reshape(len(gradient), -1).any(0).all(), "each column"


def test_every_parameter_gets_a_gradient(encoder):
    run(encoder.train(), make_batch(encoder))[1].pow(3).sum().backward()
    without = {name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()}
    zero_by_symmetry = {"pool_net.gate.bias"}
    assert without <= zero_by_symmetry


@pytest.mark.parametrize("lengths", [[0, 0, 0], [1, 1], [0], [1]], ids=str)
def test_jets_of_no_or_one_constituent(encoder, lengths):
    batch = make_batch(encoder, {"tracks": lengths, "flows": [0] * len(lengths)})
    streams, pooled = run(encoder, batch)
    assert torch.isfinite(pooled).all()
    assert all(torch.isfinite(x).all() for x in streams.values())
    pooled.square().sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in encoder.parameters())


def test_a_batch_of_empty_jets_has_gradients_for_all_parameters_that_others_have(encoder):
    """Ranks that train together wait for each other's gradients; a zero does, none does not."""
    run(encoder, make_batch(encoder))[1].sum().backward()
    wanted = {name for name, p in encoder.named_parameters() if p.grad is not None}
    encoder.zero_grad()
    run(encoder, make_batch(encoder, {"tracks": [0, 0], "flows": [0, 0]}))[1].sum().backward()
    assert {name for name, p in encoder.named_parameters() if p.grad is not None} == wanted


def test_16_bits_agree_with_32(encoder):
    """Within 3% of the vectors' size: bfloat16 has 8 bits, an error of 0.4% each time it rounds."""
    batch = make_batch(encoder)
    _, pooled = run(encoder, batch)
    with torch.autocast("cpu", torch.bfloat16):
        streams, half = run(encoder, batch)
    assert all(torch.isfinite(x).all() for x in streams.values())
    error = (half.float() - pooled).square().mean().sqrt() / pooled.square().mean().sqrt()
    assert 0 < error < 0.03


def write_file(path: Path, encoder: Encoder, seed: int) -> None:
    """Write the same jets whatever the seed, which sets where constituents stand and what lies between."""
    batch, rng, slots = make_batch(encoder), np.random.default_rng(seed), 8
    with h5py.File(path, "w") as file:
        for name, packed in {"jets": Packed(batch.x, Layout.of(np.ones(6))), **batch.streams}.items():
            values = dict(zip(VARIABLES[name], packed.x.unbind(1), strict=True)) | batch.raw(name)
            fields = [(key, "f4") for key in values]
            if name == "jets":
                rows = np.zeros(6, fields)
                where = np.s_[:]
            else:
                rows = np.zeros((6, slots), [*fields, ("valid", "?")])
                chosen = [np.sort(rng.choice(slots, n, replace=False)) for n in packed.layout.host_lengths]
                where = (packed.layout.jet_index.numpy(), np.concatenate(chosen))
            for key, column in values.items():
                rows[key] = rng.choice([np.nan, np.inf, 1e30, -5.0], rows.shape)
                rows[key][where] = column.numpy()
            if name != "jets":
                rows["valid"][where] = True
            file[name] = rows


def test_what_lies_in_padded_slots_does_not_matter(encoder, tmp_path):
    columns = {name: tuple(keys) for name, keys in encoder.columns().items()}
    columns["jets"] = (*columns.get("jets", ()), "mass")
    selection = Selection("jets", VARIABLES, columns, {name: name for name in VARIABLES}, {})
    results = []
    for seed in range(2):
        path = tmp_path / f"{seed}.h5"
        write_file(path, encoder, seed)
        (batch,) = Hdf5().build(LoadRequest((path,), selection, batch_size=6))
        results.append(run(encoder, batch)[1][batch.rows.argsort()])
    assert torch.equal(*results)
    torch.testing.assert_close(results[0], run(encoder, make_batch(encoder))[1])


def planted(
    encoder: Encoder, reads_tracks: bool, seed: int, num_jets: int = 60
) -> tuple[JetBatch, torch.Tensor]:
    """Return jets and their class, of the jet's own variables and, if they are read, its tracks.

    Who sees the jet's own variables alone is right in 64% of the second kind.
    """
    lengths = np.sort(np.random.default_rng(seed).integers(1, 4, num_jets)).tolist()
    batch = make_batch(encoder, {"tracks": lengths, "flows": [0] * num_jets}, seed)
    tracks, signal = batch.streams["tracks"], batch.x[:, 0]
    if reads_tracks:
        total = torch.zeros(num_jets).index_add(0, tracks.layout.jet_index, tracks.x[:, 0])
        signal = signal + 2 * total / tracks.layout.lengths.sqrt()
    return batch, (signal > 0).float()


@pytest.mark.parametrize("name", [name for name in ENCODERS if name not in SAME_MATHS])
def test_it_learns_a_planted_signal(name):
    torch.manual_seed(1)
    encoder = ENCODERS[name]()
    encoded = encoder.build(FACTS)
    reads_tracks = bool(encoded.streams)
    head = nn.Linear(encoded.pooled, 1)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-2)
    for step in range(60):
        batch, target = planted(encoder, reads_tracks, step)
        loss = binary_cross_entropy_with_logits(head(run(encoder, batch)[1]).squeeze(1), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    batch, target = planted(encoder.eval(), reads_tracks, 1000, 1000)
    right = (head(run(encoder, batch)[1]).squeeze(1) > 0) == (target > 0)
    assert right.float().mean() > 0.83

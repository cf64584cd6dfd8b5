"""A model with everything that it may be given, exported and run jet by jet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts, Encoded, Encoder, JetBatch, Packed, RunError
from salt_core.nn.edges import Edges
from salt_core.nn.embedding import InitNet
from salt_core.training.module import SaltModule
from salt_plugins.commands.export import checking, graph
from salt_plugins.commands.export.batched import batched
from salt_plugins.commands.export.checking import (
    check_inputs,
    check_outputs,
    compare,
    outputs_told,
    session_of,
)
from salt_plugins.commands.export.graph import graph_of, require_packages
from salt_plugins.commands.export.inputs import Input, batch_of, inputs_of, tables_of
from salt_plugins.commands.export.jets import random_jets
from salt_plugins.commands.export.model import OneJetModel, written_columns
from salt_plugins.commands.export.names import outputs_of, with_sums
from salt_plugins.encoders.gn2.encoder import GN2
from salt_plugins.losses.binary_cross_entropy.loss import BinaryCrossEntropy
from salt_plugins.losses.cross_entropy.loss import CrossEntropy
from salt_plugins.losses.mean_squared.loss import MeanSquared
from salt_plugins.optimizers.adamw.factory import AdamW
from salt_plugins.tasks.classification.head import Classification
from salt_plugins.tasks.regression.head import Regression
from salt_plugins.tasks.vertexing.head import Vertexing

VARIABLES = {"jets": ("pt", "eta"), "tracks": ("d0", "pt", "eta"), "flows": ("charge",)}
FACTS = DataFacts(
    "jets",
    VARIABLES,
    {"jets": (50.0, 0.0), "tracks": (0.0, 2.0, 0.0), "flows": (0.5,)},
    {"jets": (20.0, 1.0), "tracks": (1.0, 1.0, 0.5), "flows": (2.0,)},
    {},
    {},
    {"mass": (100.0, 50.0)},
)
NETS = {"tracks": InitNet([12]), "flows": InitNet([12])}


def make_module(encoder: Encoder) -> SaltModule:
    torch.manual_seed(1)
    tasks = {
        "flavour": Classification("jets", "flavour", CrossEntropy(), [8], class_names=["bjets", "cjets"]),
        "mass": Regression("jets", "m", MeanSquared(), [8], target_denominators="m_reco"),
        "origin": Classification("tracks", "origin", CrossEntropy(), [8], class_names=["fake", "primary"]),
        "vertices": Vertexing("tracks", "vertex", "origin", BinaryCrossEntropy(), [8]),
    }
    module = SaltModule(encoder, tasks, AdamW())
    module.build(FACTS)
    return module.eval()


def make_encoder() -> GN2:
    small = {"num_layers": 1, "embed_dim": 16, "num_heads": 2, "out_dim": 8}
    return GN2(NETS, **small, edges={"tracks": Edges(pt_to_gev=1.0)})


@pytest.fixture(scope="module")
def module() -> SaltModule:
    module = make_module(make_encoder())
    first, last = module.heads["vertices"].head.net.layers
    with torch.no_grad():
        (batch,) = random_jets(FACTS, inputs_of(module), 50)
        # So that some pairs of a jet are connected, and others not.
        first.weight[:, :8] = 0
        first.weight[:, 8:] *= 5
        last.bias -= module(batch)["vertices"].quantile(0.8)
    return module


@pytest.fixture(scope="module")
def inputs(module) -> list[Input]:
    return inputs_of(module)


@pytest.fixture(scope="module")
def outputs(module, inputs):
    return with_sums(outputs_of(written_columns(module, inputs), "GN2"), ["GN2_pbc=GN2_pb+0.5*GN2_pc"])


@pytest.fixture(scope="module")
def proto(module, inputs, outputs):
    for package in graph.PACKAGES:
        pytest.importorskip(package, reason="needs the extra 'export'")
    return graph_of(OneJetModel(module, inputs, outputs))


def saved(proto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_inputs_are_variables_and_what_is_taken_as_it_is(inputs):
    assert inputs == [
        Input("jet_features", "jets", ("pt", "eta"), ("mass", "m_reco"), ""),
        Input("track_features", "tracks", ("d0", "pt", "eta"), ("phi",), "n_tracks"),
        Input("flow_features", "flows", ("charge",), (), "n_flows"),
    ]


def test_outputs_are_what_the_tasks_write(outputs):
    of_jets = ["GN2_pb", "GN2_pc", "GN2_m"]
    of_tracks = ["GN2_pfake", "GN2_pprimary", "GN2_VertexIndex"]
    assert [one.name for one in outputs] == [*of_jets, *of_tracks, "GN2_pbc"]


def test_tables_of_a_jet_are_its_batch(inputs):
    (batch,) = random_jets(FACTS, inputs, 1)
    again = batch_of(inputs, tables_of(inputs, batch), "jets")
    assert torch.equal(again.x, batch.x)
    for name, packed in batch.streams.items():
        assert torch.equal(again.streams[name].x, packed.x)
        assert again.streams[name].layout.total == packed.layout.total
    for name, columns in batch.columns.items():
        for key, values in columns.items():
            assert torch.equal(again.raw(name)[key], values), (name, key)


def test_the_graph_is_the_model_jet_by_jet(module, inputs, outputs, proto, tmp_path):
    session = session_of(saved(proto, tmp_path))
    assert [(one.name, one.shape) for one in session.get_inputs()] == [
        ("jet_features", [1, 4]),
        ("track_features", ["n_tracks", 4]),
        ("flow_features", ["n_flows", 1]),
    ]
    assert [one.name for one in session.get_outputs()] == [one.name for one in outputs]
    compared = compare(session, module, inputs, outputs, random_jets(FACTS, inputs, 120))
    compared.refuse()
    assert compared.num_jets == 120
    assert {0, 1, 2, 60} <= compared.lengths
    found = {one.output.name: one for one in compared.agreements}
    assert found["GN2_VertexIndex"].whole
    assert found["GN2_VertexIndex"].worst == 0
    assert 0 < found["GN2_pb"].worst < checking.TOLERANCE


def test_vertices_of_the_sample_are_neither_all_one_nor_all_alone(module, inputs):
    (batch,) = random_jets(FACTS, inputs, 50)
    with torch.no_grad():
        vertices = module.outputs(module(batch), batch)["tracks"]["VertexIndex"]
    lengths = batch.streams["tracks"].layout.host_lengths
    found = [len(of_jet.unique()) for of_jet in vertices.split(lengths.tolist())]
    assert sum(1 < number < length for number, length in zip(found, lengths, strict=True)) > 10


def test_jets_that_differ_in_the_real_columns_alone_differ(module, inputs, outputs):
    (batch,) = random_jets(FACTS, inputs, 3)
    twice = {**batch.columns, "jets": {**batch.raw("jets"), "m_reco": 2 * batch.raw("jets")["m_reco"]}}
    other = JetBatch("jets", batch.x, batch.streams, twice, batch.rows)
    masses = [module.outputs(module(one), one)["jets"]["m"] for one in (batch, other)]
    assert torch.allclose(masses[1], 2 * masses[0])


def test_a_weight_that_is_changed_is_noticed(module, inputs, outputs, proto, tmp_path):
    changed = type(proto)()
    changed.CopyFrom(proto)
    (weight,) = (
        one for one in changed.graph.initializer if one.name.endswith("flavour.head.net.layers.1.bias")
    )
    # A shift of all logits would change no probability.
    values = np.frombuffer(weight.raw_data, np.float32).copy()
    values[0] += 0.001
    weight.raw_data = values.tobytes()
    compared = compare(
        session_of(saved(changed, tmp_path)), module, inputs, outputs, random_jets(FACTS, inputs, 20)
    )
    with pytest.raises(RunError, match=r"does not predict.*GN2_p"):
        compared.refuse()


def test_a_file_of_another_model_is_refused(inputs, outputs, proto, tmp_path):
    session = session_of(saved(proto, tmp_path))
    with pytest.raises(ConfigError, match=r"was not made by salt export"):
        outputs_told(session, tmp_path / "model.onnx")
    check_inputs(session, inputs, tmp_path)
    with pytest.raises(ConfigError, match=r"another model: it takes .*track_features"):
        check_inputs(session, inputs[:1], tmp_path)
    with pytest.raises(ConfigError, match=r"another model: it gives 'pfake' of tracks"):
        check_outputs({"jets": ["pb", "pc", "m"]}, outputs, tmp_path)


def test_another_number_of_rows_or_nan_is_noticed(outputs):
    one = checking.Agreement(outputs[0])
    one.add(np.array([np.nan, 1.0]), np.array([np.nan, 1.0]))
    assert one.good(1)
    one.add(np.array([np.nan]), np.array([1.0]))
    assert not one.good(1)
    another = checking.Agreement(outputs[0])
    another.add(np.zeros(1), np.zeros(2))
    assert not another.good(1)


def test_one_vertex_in_a_hundred_jets_may_fall_otherwise(outputs):
    one = checking.Agreement(outputs[0])
    for jet in range(2):
        one.add(np.array([0, jet]), np.array([0, 1 - jet]))
    assert (one.good(200), one.good(199)) == (True, False)


class HostEncoder(Encoder):
    """Looks at the lengths on the host."""

    def build(self, data):
        return Encoded(2, {"tracks": 3, "flows": 1})

    def encode(self, batch):
        assert all(packed.layout.host_lengths.min() >= 0 for packed in batch.streams.values())
        return {name: Packed(packed.x, packed.layout) for name, packed in batch.streams.items()}

    def pool(self, streams, batch):
        return batch.x


class LoopingEncoder(HostEncoder):
    """Goes on until a value is small, which no graph can hold."""

    def encode(self, batch):
        while batch.x.sum() > 1:
            batch = JetBatch("jets", batch.x / 2, batch.streams, batch.columns, batch.rows)
        return batch.streams


def test_an_encoder_that_needs_lengths_on_the_host_is_refused_by_its_key_path():
    module = make_module(HostEncoder())
    with pytest.raises(ConfigError, match=r"model\.encoder: it asks a layout for host_lengths"):
        written_columns(module, inputs_of(module))


def test_an_encoder_that_cannot_be_traced_is_refused(proto):
    module = make_module(LoopingEncoder())
    inputs = inputs_of(module)
    outputs = outputs_of(written_columns(module, inputs), "GN2")
    with pytest.raises(RunError, match=r"the model cannot be exported: \w+"):
        graph_of(OneJetModel(module, inputs, outputs))


def test_packages_that_are_missing_are_named(monkeypatch):
    monkeypatch.setattr(graph.importlib.util, "find_spec", lambda name: None if name == "onnx" else name)
    with pytest.raises(ConfigError, match=r"needs onnx, .*pip install 'salt-hep\[export\]'"):
        require_packages()


@pytest.fixture(scope="module")
def batch_session(proto, inputs, outputs, tmp_path_factory):
    return session_of(saved(batched(proto, inputs, outputs), tmp_path_factory.mktemp("batched")))


def test_the_batched_graph_is_the_model(module, inputs, outputs, batch_session):
    assert [(one.name, one.shape) for one in batch_session.get_inputs()] == [
        ("jet_features", ["batch", 4]),
        ("track_features", ["batch", "max_tracks", 4]),
        ("flow_features", ["batch", "max_flows", 1]),
        ("n_tracks", ["batch"]),
        ("n_flows", ["batch"]),
    ]
    shapes = {one.name: one.shape for one in batch_session.get_outputs()}
    assert (shapes["GN2_pb"], shapes["GN2_VertexIndex"]) == (["batch"], ["batch", "max_tracks"])
    compared = compare(batch_session, module, inputs, outputs, random_jets(FACTS, inputs, 120))
    compared.refuse()
    assert compared.num_jets == 120
    assert {0, 1, 2, 60} <= compared.lengths
    found = {one.output.name: one for one in compared.agreements}
    assert found["GN2_VertexIndex"].worst == 0
    assert 0 < found["GN2_pb"].worst < checking.TOLERANCE


@pytest.mark.parametrize(("num_jets", "slots"), [(1, 0), (3, 0), (3, 4)])
def test_batches_without_any_constituent(batch_session, num_jets, slots):
    feed = {
        "jet_features": np.ones((num_jets, 4), np.float32),
        "track_features": np.ones((num_jets, slots, 4), np.float32),
        "flow_features": np.ones((num_jets, slots, 1), np.float32),
        "n_tracks": np.zeros(num_jets, np.int64),
        "n_flows": np.zeros(num_jets, np.int64),
    }
    pb, vertices, origin = batch_session.run(["GN2_pb", "GN2_VertexIndex", "GN2_pfake"], feed)
    assert pb.shape == (num_jets,)
    assert np.isfinite(pb).all()
    assert vertices.shape == origin.shape == (num_jets, slots)
    assert (vertices == -1).all()
    assert np.isnan(origin).all()

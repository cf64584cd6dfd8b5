from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts, JetBatch, Layout, Packed
from salt_core.nn.embedding import Embedding, InitNet, jet_embedding, stream_embeddings
from salt_core.nn.positions import PositionalEncoding

FACTS = DataFacts("jets", {"jets": ("pt", "eta"), "tracks": ("d0", "z0", "phi")}, {}, {}, {}, {})
JET_OF_ROW = [0, 0, 2]


@pytest.fixture
def batch():
    torch.manual_seed(0)
    tracks = Packed(torch.randn(3, 3), Layout.of(np.array([2, 0, 1])))
    return JetBatch("jets", torch.randn(3, 2), {"tracks": tracks}, {}, torch.arange(3))


def plain(net, x):
    """Apply the layers to rows whose columns are joined already."""
    return net.layers[1](net.layers[0](x).relu())


@pytest.mark.parametrize("attach_global", [True, False])
@pytest.mark.parametrize("num_conditions", [0, 2])
def test_a_track_is_joined_by_its_jet_and_conditions(batch, attach_global, num_conditions):
    net = Embedding("tracks", InitNet([7], attach_global=attach_global), 4, FACTS, num_conditions)
    conditions = torch.randn(3, num_conditions)
    context = [batch.x[JET_OF_ROW]] if attach_global else []
    joined = torch.cat([*context, conditions[JET_OF_ROW], batch.streams["tracks"].x], dim=1)
    torch.testing.assert_close(net.embed(batch, conditions), plain(net, joined))


def test_the_jet_is_joined_by_conditions_alone(batch):
    conditions = torch.randn(3, 2)
    net = Embedding("jets", InitNet([7]), 4, FACTS, 2)
    torch.testing.assert_close(
        net.embed(batch, conditions), plain(net, torch.cat([conditions, batch.x], dim=1))
    )


def test_sines_and_cosines_come_last(batch):
    net = Embedding("tracks", InitNet([7], pos_enc=PositionalEncoding(["phi"], 2)), 4, FACTS)
    x = batch.streams["tracks"].x
    joined = torch.cat([batch.x[JET_OF_ROW], x, x[:, 2:].sin(), x[:, 2:].cos()], dim=1)
    torch.testing.assert_close(net.embed(batch, torch.zeros(3, 0)), plain(net, joined))


def test_the_net_of_a_removed_stream_is_left_unused():
    assert list(stream_embeddings({"tracks": InitNet(), "flows": InitNet()}, 4, FACTS)) == ["tracks"]


def test_a_stream_without_a_net_is_refused():
    with pytest.raises(
        ConfigError, match=r"init_nets: stream 'tracks' of data\.variables has no initial net"
    ):
        stream_embeddings({}, 4, FACTS)


def test_no_stream_at_all_is_refused():
    with pytest.raises(ConfigError, match="needs a stream of constituents"):
        stream_embeddings({}, 4, DataFacts("jets", {"jets": ("pt",)}, {}, {}, {}, {}))


def test_mistakes_name_the_stream():
    nets = {"tracks": InitNet(pos_enc=PositionalEncoding(["d1"]))}
    with pytest.raises(ConfigError, match=r"init_nets\.tracks, pos_enc, variables: 'd1' is no input"):
        stream_embeddings(nets, 4, FACTS)


def test_the_jets_own_net_is_there_where_it_is_named(batch):
    assert jet_embedding({"tracks": InitNet()}, 4, FACTS) is None
    net = jet_embedding({"tracks": InitNet(), "global": InitNet([7])}, 4, FACTS)
    assert net.embed(batch, torch.zeros(3, 0)).shape == (3, 4)


def test_a_stream_called_global_keeps_its_net():
    facts = DataFacts("jets", {"jets": ("pt",), "global": ("d0",)}, {}, {}, {}, {})
    assert jet_embedding({"global": InitNet()}, 4, facts) is None


def test_the_jets_own_net_needs_variables():
    facts = DataFacts("jets", {"tracks": ("d0",)}, {}, {}, {}, {})
    with pytest.raises(ConfigError, match=r"init_nets\.global: data\.variables has no variables of jets"):
        jet_embedding({"global": InitNet()}, 4, facts)

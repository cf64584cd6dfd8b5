from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts, JetBatch, Layout, Packed
from salt_core.nn.embedding import InitNet
from salt_plugins.encoders.deepsets.encoder import DeepSets

FACTS = DataFacts("jets", {"jets": ("pt", "eta"), "tracks": ("d0", "z0", "phi")}, {}, {}, {}, {})


def make(parameters=None, **options) -> DeepSets:
    torch.manual_seed(0)
    encoder = DeepSets({"tracks": InitNet([12])}, 6, [10], 4, **options)
    encoder.build(DataFacts(**{**FACTS.__dict__, "parameters": parameters or {}}))
    return encoder


def make_batch() -> JetBatch:
    torch.manual_seed(1)
    tracks = Packed(torch.randn(3, 3), Layout.of(np.array([2, 0, 1])))
    columns = {"jets": {"mass": torch.tensor([1.0, 2.0, 5.0])}}
    return JetBatch("jets", torch.randn(3, 2), {"tracks": tracks}, columns, torch.arange(3))


@pytest.mark.parametrize("parameters", [{}, {"mass": (1.0, 2.0)}])
def test_it_is_a_net_on_the_sum_of_nets(parameters):
    encoder, batch = make(parameters), make_batch()
    phi, rho = encoder.init_nets["tracks"].layers, encoder.jet_net.layers
    streams = encoder.encode(batch)
    pooled = encoder.pool(streams, batch)
    tracks = batch.streams["tracks"].x
    for jet, rows in enumerate(([0, 1], [], [2])):
        context = [batch.x[jet]] + ([torch.tensor([[0.0, 0.5, 2.0][jet]])] if parameters else [])
        total = torch.zeros(6)
        for row in rows:
            embedded = phi[1](phi[0](torch.cat([*context, tracks[row]])).relu()).relu()
            torch.testing.assert_close(streams["tracks"].x[row], embedded)
            total = total + embedded
        torch.testing.assert_close(pooled[jet], rho[1](rho[0](torch.cat([*context, total])).relu()))


def test_dropout_is_in_the_jets_net():
    encoder, batch = make(dropout=0.5), make_batch()
    streams = encoder.encode(batch)
    assert not torch.equal(encoder.pool(streams, batch), encoder.pool(streams, batch))
    encoder.eval()
    torch.testing.assert_close(encoder.pool(streams, batch), make().pool(streams, batch))


def test_what_is_refused():
    with pytest.raises(ConfigError, match="out_dim: 0 is no size"):
        DeepSets({}, out_dim=0)
    with pytest.raises(
        ConfigError, match=r"init_nets: stream 'tracks' of data\.variables has no initial net"
    ):
        DeepSets({}).build(FACTS)

from __future__ import annotations

import pytest
import torch

from salt_core import ConfigError, DataFacts, Encoded, JetBatch
from salt_plugins.encoders.dense.encoder import JetNet

FACTS = DataFacts("jets", {"jets": ("pt", "eta")}, {}, {}, {}, {})


def test_each_layer_is_followed_by_the_activation():
    torch.manual_seed(0)
    encoder = JetNet([8, 4])
    assert encoder.build(FACTS) == Encoded(4, {})
    batch = JetBatch("jets", torch.randn(3, 2), {}, {}, torch.arange(3))
    first, second = encoder.net.layers
    assert encoder.encode(batch) == {}
    torch.testing.assert_close(encoder.pool({}, batch), second(first(batch.x).relu()).relu())


def test_parameters_are_joined_to_the_jets_variables():
    torch.manual_seed(0)
    encoder = JetNet([4])
    encoder.build(DataFacts("jets", {"jets": ("pt", "eta")}, {}, {}, {}, {}, {"mass": (1.0, 2.0)}))
    columns = {"jets": {"mass": torch.tensor([1.0, 2.0, 5.0])}}
    batch = JetBatch("jets", torch.randn(3, 2), {}, columns, torch.arange(3))
    joined = torch.cat([batch.x, torch.tensor([[0.0], [0.5], [2.0]])], dim=1)
    torch.testing.assert_close(encoder.pool({}, batch), encoder.net.layers[0](joined).relu())


def test_what_is_refused():
    with pytest.raises(ConfigError, match="hidden_layers: there is no layer"):
        JetNet([])
    with pytest.raises(ConfigError, match=r"dense needs variables of jets in data\.variables"):
        JetNet([4]).build(DataFacts("jets", {"tracks": ("d0",)}, {}, {}, {}, {}))

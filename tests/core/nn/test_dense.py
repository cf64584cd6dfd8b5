from __future__ import annotations

import numpy as np
import torch
from torch import nn

from salt_core import Layout
from salt_core.nn.dense import Dense


def test_a_context_counts_as_the_first_columns():
    torch.manual_seed(0)
    layout = Layout.of(np.array([2, 0, 3]))
    x, context = torch.randn(5, 4), torch.randn(3, 2)
    net = Dense(4, 3, [7, 6], context_size=2)
    first, second, third = net.layers
    both = torch.cat([context[layout.jet_index], x], 1)
    plain = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
    torch.testing.assert_close(net(x, context, layout), plain(both))


def test_there_is_no_activation_after_the_last_layer():
    torch.manual_seed(0)
    net = Dense(4, 50, [])
    assert len(net.layers) == 1
    assert net(torch.randn(9, 4)).min() < 0


def test_dropout_drops_in_training_only():
    torch.manual_seed(0)
    net, x = Dense(4, 3, [64], dropout=0.5), torch.randn(9, 4)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))

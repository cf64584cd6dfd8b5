from __future__ import annotations

import torch

from salt_core.nn.norms import norm_of


def test_layer_norm_learns_nothing():
    norm = norm_of("LayerNorm", 6)
    x = torch.randn(4, 6)
    assert list(norm.parameters()) == []
    expected = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(norm(x), expected)


def test_rms_norm_learns_a_scale():
    norm = norm_of("RMSNorm", 6)
    x = torch.randn(4, 6)
    with torch.no_grad():
        norm.weight.fill_(2.0)
    assert [tuple(p.shape) for p in norm.parameters()] == [(6,)]
    torch.testing.assert_close(norm(x), 2 * x / (x.square().mean(1, keepdim=True) + 1e-5).sqrt())

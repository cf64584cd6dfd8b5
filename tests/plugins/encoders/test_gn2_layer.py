from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import layer_norm, rms_norm

from salt_core import ConfigError, DataFacts, Layout
from salt_plugins.encoders.gn2.encoder import GN2, InitNet
from salt_plugins.encoders.gn2.layer import Layer, LayerOptions, drop_jets

OPTIONS = LayerOptions(
    embed_dim=16,
    num_heads=2,
    ffn_dim=24,
    attention="runs",
    norm="LayerNorm",
    activation="ReLU",
    gated=False,
    qk_norm=False,
    layer_scale=None,
    dropout=0.0,
    norm_type="pre",
    drop_path=0.0,
    differential=False,
)
LAYOUT = Layout.of(np.array([2, 3]))


def make(**options) -> tuple[Layer, torch.Tensor]:
    torch.manual_seed(0)
    return Layer(replace(OPTIONS, **options), depth=1), torch.randn(5, 16)


def norm(x: torch.Tensor) -> torch.Tensor:
    return layer_norm(x, (16,))


def test_post_norm():
    layer, x = make(norm_type="post")
    middle = norm(x + layer.attention(x, LAYOUT))
    torch.testing.assert_close(layer(x, LAYOUT), norm(middle + layer.feed_forward(middle)))


def test_hybrid_norm():
    layer, x = make(norm_type="hybrid")
    middle = norm(x + layer.attention(x, LAYOUT))
    torch.testing.assert_close(layer(x, LAYOUT), middle + layer.feed_forward(middle))


def test_hybrid_norm_is_on_queries_keys_and_values_of_each_head():
    attention = make(norm_type="hybrid")[0].attention
    for part in (attention.q_norm, attention.k_norm, attention.v_norm):
        torch.nn.init.uniform_(part.weight, 0.5, 2)
    x = torch.randn(3, 16)
    weights = [part.weight for part in (attention.q_norm, attention.k_norm, attention.v_norm)]
    q, k, v = (
        rms_norm(part.unflatten(1, (2, 8)), (8,), weight, 1e-5).transpose(0, 1)
        for part, weight in zip(attention.in_proj(x).chunk(3, dim=1), weights, strict=True)
    )
    mixed = (q @ k.mT / 8**0.5).softmax(-1) @ v
    wanted = attention.out_proj(mixed.transpose(0, 1).flatten(1))
    torch.testing.assert_close(attention(x, Layout.of(np.array([3]))), wanted)


@pytest.mark.parametrize("norm_type", ["pre", "post", "hybrid"])
@pytest.mark.parametrize("differential", [False, True])
def test_every_parameter_of_a_layer_is_used(norm_type, differential):
    layer, x = make(norm_type=norm_type, norm="RMSNorm", differential=differential, layer_scale=0.5)
    layer(x, LAYOUT).pow(3).sum().backward()
    assert [name for name, p in layer.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_branch_is_dropped_for_whole_jets_and_made_up_for():
    torch.manual_seed(0)
    layout = Layout.of(np.array([2, 0, 1] * 1000))
    dropped = drop_jets(torch.ones(3000, 4), layout, 0.2)
    per_jet = dropped[:, 0].split(layout.host_lengths.tolist())
    assert (dropped == dropped[:, :1]).all()
    assert all(jet.unique().numel() == 1 for jet in per_jet if jet.numel())
    assert dropped.unique().tolist() == [0.0, 1.25]
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("norm_type", ["pre", "post", "hybrid"])
def test_a_layer_drops_each_branch_in_training_alone(norm_type):
    layer, x = make(drop_path=0.5, norm_type=norm_type)
    plain = make(norm_type=norm_type)[0]
    torch.testing.assert_close(layer.eval()(x, LAYOUT), plain(x, LAYOUT))
    layer.train()
    results = {tuple(layer(x, LAYOUT)[:2].flatten().tolist()) for _ in range(60)}
    assert len(results) == 4, "each of the first jet's two branches is there or not"
    if norm_type == "pre":
        assert tuple(x[:2].flatten().tolist()) in results


def test_dropping_needs_no_weight():
    assert make(drop_path=0.5)[0].state_dict().keys() == make()[0].state_dict().keys()


def test_layers_know_their_depth():
    encoder = GN2({"tracks": InitNet()}, 3, 16, 2, 8, differential=True)
    encoder.build(DataFacts("jets", {"tracks": ("d0",)}, {}, {}, {}, {}))
    starts = [layer.attention.lambda_start for layer in encoder.layers]
    assert starts == sorted(set(starts))
    assert starts[0] == pytest.approx(0.2)


def test_what_is_refused():
    with pytest.raises(
        ConfigError, match="differential: two attention maps share each head, and its size, 5"
    ):
        GN2({}, embed_dim=10, num_heads=2, differential=True)
    for share in (1.0, -0.1, float("nan")):
        with pytest.raises(ConfigError, match=rf"drop_path: {share} is no share of jets"):
            GN2({}, drop_path=share)

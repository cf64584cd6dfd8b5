from __future__ import annotations

import numpy as np
import pytest
import torch

from salt_core import ConfigError, DataFacts
from salt_core.training.module import SaltModule
from salt_plugins.encoders.gn2.encoder import GN2, InitNet
from salt_plugins.losses.cross_entropy.loss import CrossEntropy
from salt_plugins.optimizers.adamw.factory import AdamW
from salt_plugins.salt_ml.weights import load_weights, our_state
from salt_plugins.tasks.classification.head import Classification

LAYER = {
    "attn.fn.in_proj_weight": (24, 8),
    "attn.fn.in_proj_bias": (24,),
    "attn.fn.out_proj.weight": (8, 8),
    "attn.fn.out_proj.bias": (8,),
    "dense.fn.in_proj.weight": (16, 8),
    "dense.fn.in_proj.bias": (16,),
    "dense.fn.out_proj.weight": (8, 16),
    "dense.fn.out_proj.bias": (8,),
}
OPTIONAL = {
    "attn.fn.q_norm.weight": (4,),
    "attn.fn.k_norm.weight": (4,),
    "attn.norm.weight": (8,),
    "attn.ls.gamma": (8,),
    "dense.norm.weight": (8,),
    "dense.ls.gamma": (8,),
    "dense.fn.in_proj.weight": (32, 8),
    "dense.fn.in_proj.bias": (32,),
}


def reference_weights(layer=LAYER, out_norm=False, dense_places=(0, 2)):
    shapes = {
        "encoder.registers": (1, 8),
        "encoder.register_mask": (1,),
        "encoder.out_proj.weight": (4, 8),
        "encoder.out_proj.bias": (4,),
        "pool_net.gate_nn.weight": (1, 4),
        "pool_net.gate_nn.bias": (1,),
        "tasks.0.loss.weight": (3,),
    }
    if out_norm:
        shapes["encoder.out_norm.weight"] = (4,)
    shapes |= {f"encoder.layers.{i}.{key}": shape for i in range(2) for key, shape in layer.items()}
    for net, sizes in (("init_nets.0", (3, 5, 8)), ("init_nets.1", (2, 5, 8)), ("tasks.0", (4, 6, 3))):
        for number, place in enumerate(dense_places):
            shapes[f"{net}.net.net.{place}.weight"] = (sizes[number + 1], sizes[number])
            shapes[f"{net}.net.net.{place}.bias"] = (sizes[number + 1],)
    generator = np.random.default_rng(0)
    return {key: generator.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}


def make_module(weighted=True, **options):
    loss = CrossEntropy([1.0, 2.0, 3.0] if weighted else None)
    encoder = GN2({"tracks": InitNet([5]), "flows": InitNet([5])}, 2, 8, 2, 4, **options)
    module = SaltModule(
        encoder, {"flavour": Classification("jets", "label", loss, [6], ["a", "b", "c"])}, AdamW()
    )
    variables = {"jets": ("pt",), "tracks": ("d0", "z0"), "flows": ("pt",)}
    ones = {name: tuple(1.0 for _ in names) for name, names in variables.items()}
    module.build(DataFacts("jets", variables, ones, ones, {}, {}))
    return module


def test_every_parameter_is_given():
    module, weights = make_module(), reference_weights()
    load_weights(module, weights, ["tracks", "flows"], ["flavour"])
    state = module.state_dict()
    same = [
        ("encoder.init_nets.tracks.layers.1.weight", "init_nets.0.net.net.2.weight"),
        ("encoder.init_nets.flows.layers.0.weight", "init_nets.1.net.net.0.weight"),
        ("encoder.layers.1.attention.in_proj.weight", "encoder.layers.1.attn.fn.in_proj_weight"),
        ("encoder.layers.0.feed_forward.out_proj.bias", "encoder.layers.0.dense.fn.out_proj.bias"),
        ("tasks.flavour.head.net.layers.1.bias", "tasks.0.net.net.2.bias"),
        ("tasks.flavour.loss_function.weight", "tasks.0.loss.weight"),
    ]
    for ours, theirs in same:
        np.testing.assert_array_equal(state[ours], weights[theirs])
    assert torch.equal(state["normalise.jets_mean"], torch.ones(1)), "the normalisation stays"


def test_norms_gates_and_scales():
    options = {"norm": "RMSNorm", "qk_norm": True, "layer_scale": 0.1, "gated": True}
    module, weights = make_module(**options), reference_weights(LAYER | OPTIONAL, out_norm=True)
    load_weights(module, weights, ["tracks", "flows"], ["flavour"])
    layer = module.encoder.layers[1]
    for ours, theirs in (
        (layer.attention.q_norm.weight, "attn.fn.q_norm.weight"),
        (layer.attention.k_norm.weight, "attn.fn.k_norm.weight"),
        (layer.attention_branch.norm.weight, "attn.norm.weight"),
        (layer.attention_branch.scale, "attn.ls.gamma"),
        (layer.feed_forward_branch.norm.weight, "dense.norm.weight"),
        (layer.feed_forward_branch.scale, "dense.ls.gamma"),
        (layer.feed_forward.in_proj.weight, "dense.fn.in_proj.weight"),
    ):
        np.testing.assert_array_equal(ours.detach(), weights[f"encoder.layers.1.{theirs}"])
    np.testing.assert_array_equal(module.encoder.out_norm.weight.detach(), weights["encoder.out_norm.weight"])


def test_dense_nets_with_dropout_number_their_layers_otherwise():
    plain = our_state(reference_weights(), ["tracks", "flows"], ["flavour"])
    dropout = our_state(reference_weights(dense_places=(1, 4)), ["tracks", "flows"], ["flavour"])
    assert plain.keys() == dropout.keys()


def test_unknown_names_and_missing_parts_are_told_together():
    weights = reference_weights(LAYER | {"attn.fn.v_norm.weight": (4,)})
    with pytest.raises(ConfigError) as caught:
        our_state(weights, ["tracks"], ["flavour", "origin"])
    message = str(caught.value)
    for part in (
        "encoder.layers.0.attn.fn.v_norm.weight of the salt-ml model has no counterpart here",
        "init_nets.1.net.net.0.weight of the salt-ml model has no counterpart here",
        "the salt-ml model has no tasks.1, which is to be 'origin' here",
    ):
        assert part in message


def test_what_only_one_side_has():
    weights = reference_weights(LAYER | OPTIONAL, out_norm=True)
    with pytest.raises(ConfigError, match=r"has encoder\.out_norm\.weight, this model does not"):
        load_weights(make_module(gated=True), weights, ["tracks", "flows"], ["flavour"])
    with pytest.raises(ConfigError, match=r"has nothing for encoder\.out_norm\.weight \(4,\)"):
        load_weights(make_module(norm="RMSNorm"), reference_weights(), ["tracks", "flows"], ["flavour"])

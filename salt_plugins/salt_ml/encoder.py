"""From initial nets, transformer and pooling of salt-ml to the encoder ``gn2``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salt_plugins.salt_ml.nets import BLOCK_ACTIVATION, activation_of, dense_of
from salt_plugins.salt_ml.reading import Section

TRANSFORMERS = ("Transformer", "TransformerV2")

NO_SUCH = {
    "mask_decoder": "there is no mask decoder here",
    "edge_init_nets": "features of pairs enter otherwise here",
    "merge_dict": "streams are not merged into one here",
    "featurewise_nets": "featurewise conditions enter otherwise here",
}


@dataclass(frozen=True)
class Encoder:
    """What is known of an encoder.

    Parameters
    ----------
    config : dict
        ``model.encoder``.
    streams : tuple of str
        The input stream of each initial net, in salt-ml's order.
    out_dim : int
        Size of the vectors that heads see.
    """

    config: dict[str, Any]
    streams: tuple[str, ...]
    out_dim: int


def encoder_of(model: Section, variables: Mapping[str, Sequence[str]], global_object: str) -> Encoder:
    """Translate what comes before the tasks.

    Parameters
    ----------
    model : Section
        Options of the ``SaltModel``.
    variables : mapping of str to sequence of str
        ``data.variables``.
    global_object : str
        The object with one row per jet.
    """
    for key, reason in NO_SUCH.items():
        model.refuse(key, reason, [], {})
    name, options = model.component("encoder")
    if name not in TRANSFORMERS:
        model.fault("encoder", _why_not(name))
        model.without("init_nets", "pool_net")
        return Encoder({}, (), 0)
    size = options.number("embed_dim", 0)
    nets = _init_nets(model, variables, global_object, size)
    for missing in set(variables) - {global_object, *nets}:
        model.fault("init_nets", f"there is none for {missing!r}, which data.variables has")
    pooling, pool = model.component("pool_net")
    if pooling != "GlobalAttentionPooling":
        model.fault("pool_net", f"{pooling or 'none'}: GlobalAttentionPooling is what can be imported")
    pool.without("input_size")
    pool.close(of_model=True)
    out_dim = options.number("out_dim") or size
    return Encoder({"plugin": "gn2", "init_nets": nets, **_transformer(options)}, tuple(nets), out_dim)


def _why_not(name: str) -> str:
    if name == "TransformerEncoder":
        return "TransformerEncoder is salt's transformer before Transformer; its model has no equivalent here"
    return f"{name or 'none'}: {' and '.join(TRANSFORMERS)} are what can be imported"


def _init_nets(
    model: Section, variables: Mapping[str, Sequence[str]], global_object: str, size: int
) -> dict[str, Any]:
    nets: dict[str, Any] = {}
    for net in model.sections("init_nets"):
        stream = str(net.take("input_name"))
        net.without("variables", "global_object")  # they repeat what the data say
        if stream == global_object or stream not in variables:
            net.fault(
                "input_name", f"{stream!r} must be a stream of data.variables other than {global_object}"
            )
        attached = net.take("attach_global", True)
        num_inputs = len(variables.get(stream, ())) + (
            len(variables.get(global_object, ())) if attached else 0
        )
        dense = net.section("dense_config")
        found = dense_of(dense, num_inputs, size)
        dropout = found.pop("dropout", 0)
        if dropout:
            dense.note("dropout", dropout, "initial nets have none here")
        net.refuse("pos_enc", "sines and cosines of positions are joined otherwise here")
        net.refuse("featurewise", NO_SUCH["featurewise_nets"])
        for key in ("mup", "muP"):
            net.refuse(key, "a model scaled by muP starts and computes otherwise", False)
        net.close(of_model=True)
        nets[stream] = found | ({} if attached else {"attach_global": False})
    return nets


def _transformer(options: Section) -> dict[str, Any]:
    attention, dense = options.section("attn_kwargs"), options.section("dense_kwargs")
    size = options.number("embed_dim", 0)
    # How attention is computed is chosen anew; the results agree.
    options.without("attn_type")
    attention.without("attn_type")
    found = {
        "num_layers": options.number("num_layers", 0),
        "embed_dim": size,
        "num_heads": attention.number("num_heads", 1),
        "out_dim": options.number("out_dim") or size,
        "num_registers": options.number("num_registers", 1),
        "norm": options.take("norm", "LayerNorm"),
        **activation_of(dense, BLOCK_ACTIVATION),
        "gated": dense.take("gated", False),
        "ffn_dim": dense.number("hidden_dim"),
        "qk_norm": attention.take("do_qk_norm", False),
        "layer_scale": options.take("ls_init"),
        "drop_path": options.take("drop_path", 0.0),
        "norm_type": options.take("norm_type", "pre"),
        "dropout": _dropout(attention, dense),
    }
    if found["norm"] not in ("LayerNorm", "RMSNorm"):
        options.fault("norm", f"{found['norm']}: LayerNorm and RMSNorm are what can be imported")
    if found["norm_type"] not in ("pre", "post"):
        message = "salt-ml normalises its first layer otherwise than the others, no encoder here does"
        options.fault("norm_type", f"{found['norm_type']}: {message}")
    _refuse_other_models(options, attention, dense)
    usual = {"norm": "LayerNorm", "norm_type": "pre"}
    return {key: value for key, value in found.items() if value and usual.get(key) != value}


def _dropout(attention: Section, dense: Section) -> float:
    """Return the one share that is dropped here, after attention and after the net alike."""
    shares = [float(section.take("dropout", 0.0)) for section in (attention, dense)]
    if shares[0] != shares[1]:
        told = f"attention {shares[0]:g}, dense net {shares[1]:g}"
        dense.note("dropout", told, "there is one share for both here, the larger one is taken")
    return max(shares)


def _refuse_other_models(options: Section, attention: Section, dense: Section) -> None:
    options.refuse("do_final_norm", "there is always a norm at the end here", True)
    options.refuse("drop_registers", "registers take part in the pooling here", False)
    options.refuse("num_dense", "a layer has one dense net here", 1)
    options.refuse("edge_embed_dim", NO_SUCH["edge_init_nets"], 0)
    options.refuse("update_edges", NO_SUCH["edge_init_nets"], False)
    attention.refuse("do_v_norm", "values are normalised with norm_type hybrid alone here", False)
    for section in (attention, dense):
        section.refuse("bias", "there is a bias here", True)
    for section in (options, attention, dense):
        for key in ("mup", "muP"):
            section.refuse(key, "a model scaled by muP starts and computes otherwise", False)
        section.close(of_model=True)

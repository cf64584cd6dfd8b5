"""From the parameter names of salt-ml to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from salt_core import ConfigError
from salt_core.errors import SaltError, raise_all
from salt_core.training.module import SaltModule
from salt_plugins.salt_ml.encoder import Encoder
from salt_plugins.salt_ml.tasks import OldTask

Weights = Mapping[str, Tensor | NDArray[np.float32]]

_FIXED = {
    "encoder.registers": "encoder.registers",
    "encoder.out_proj.weight": "encoder.out_proj.weight",
    "encoder.out_proj.bias": "encoder.out_proj.bias",
    "encoder.out_norm.weight": "encoder.out_norm.weight",
    "pool_net.gate_nn.weight": "encoder.pool_net.gate.weight",
    "pool_net.gate_nn.bias": "encoder.pool_net.gate.bias",
}

_IN_LAYER = {
    "attn.fn.in_proj_weight": "attention.in_proj.weight",
    "attn.fn.in_proj_bias": "attention.in_proj.bias",
    "attn.fn.out_proj.weight": "attention.out_proj.weight",
    "attn.fn.out_proj.bias": "attention.out_proj.bias",
    "attn.fn.q_norm.weight": "attention.q_norm.weight",
    "attn.fn.k_norm.weight": "attention.k_norm.weight",
    "attn.norm.weight": "attention_branch.norm.weight",
    "attn.ls.gamma": "attention_branch.scale",
    "dense.fn.in_proj.weight": "feed_forward.in_proj.weight",
    "dense.fn.in_proj.bias": "feed_forward.in_proj.bias",
    "dense.fn.out_proj.weight": "feed_forward.out_proj.weight",
    "dense.fn.out_proj.bias": "feed_forward.out_proj.bias",
    "dense.norm.weight": "feed_forward_branch.norm.weight",
    "dense.ls.gamma": "feed_forward_branch.scale",
}

# A constant that only tells padding from registers.
_UNUSED = {"encoder.register_mask"}


def adapted(weights: Weights, encoder: Encoder, tasks: Sequence[OldTask]) -> dict[str, Tensor]:
    """Return the parameters of a salt-ml model, by its names, in the form that its translation has.

    A transformer without a last layer is given one that changes nothing. Where a task predicts mean and
    variance, salt-ml has all means and then all variances.

    Parameters
    ----------
    weights : mapping of str to Tensor or numpy.ndarray
        By salt-ml's names.
    encoder : Encoder
        The translated encoder.
    tasks : sequence of OldTask
        The translated tasks, in salt-ml's order.
    """
    state = {name: torch.as_tensor(value) for name, value in weights.items()}
    if "encoder.out_proj.weight" not in state:
        state["encoder.out_proj.weight"] = torch.eye(encoder.out_dim)
        state["encoder.out_proj.bias"] = torch.zeros(encoder.out_dim)
    for number, task in enumerate(tasks):
        prefix = f"tasks.{number}.net.net."
        places = _linear_places(prefix, state)
        if task.num_moments > 1 and places:
            for kind in ("weight", "bias"):
                name = f"{prefix}{places[-1]}.{kind}"
                moments = state[name].unflatten(0, (task.num_moments, -1))
                state[name] = moments.transpose(0, 1).flatten(0, 1).contiguous()
    return state


def our_state(weights: Weights, streams: Sequence[str], tasks: Sequence[str]) -> dict[str, Tensor]:
    """Rename the parameters of a salt-ml model to those of a `SaltModule` with the ``gn2`` encoder.

    Parameters
    ----------
    weights : mapping of str to Tensor or numpy.ndarray
        By salt-ml's names, such as ``encoder.layers.0.attn.fn.in_proj_weight``.
    streams : sequence of str
        The input stream of each of salt-ml's initial nets, in its order.
    tasks : sequence of str
        Our name of each of salt-ml's tasks, in its order.

    Returns
    -------
    dict of str to Tensor
        By our names, without the normalisation, which is no part of salt-ml's model. A loss's class
        weights are there where salt-ml's loss has them.

    Raises
    ------
    ConfigError
        One that tells every name that has no counterpart here, and every stream and task that
        `weights` does not have.
    """
    ours = _our_names(weights, streams, tasks)
    faults: list[SaltError] = [
        ConfigError(f"{name} of the salt-ml model has no counterpart here")
        for name in weights
        if name not in ours and name not in _UNUSED
    ]
    for part, names in (("init_nets", streams), ("tasks", tasks)):
        faults += [
            ConfigError(f"the salt-ml model has no {part}.{index}, which is to be {name!r} here")
            for index, name in enumerate(names)
            if not any(key.startswith(f"{part}.{index}.") for key in weights)
        ]
    raise_all(faults)
    return {ours[name]: torch.as_tensor(value) for name, value in weights.items() if name not in _UNUSED}


def load_weights(module: SaltModule, weights: Weights, streams: Sequence[str], tasks: Sequence[str]) -> None:
    """Give a built `module` the parameters of a salt-ml model; see `our_state`.

    The module's normalisation stays.

    Raises
    ------
    ConfigError
        One that tells everything that is missing, left over, or of another shape.
    """
    state = our_state(weights, streams, tasks)
    wanted = {key: value for key, value in module.state_dict().items() if not key.startswith("normalise.")}
    faults: list[SaltError] = [
        ConfigError(f"the salt-ml model has nothing for {key} {tuple(wanted[key].shape)}")
        for key in wanted.keys() - state.keys()
    ]
    faults += [
        ConfigError(f"the salt-ml model has {key}, this model does not")
        for key in state.keys() - wanted.keys()
    ]
    faults += [
        ConfigError(
            f"{key} has shape {tuple(state[key].shape)} in the salt-ml model, {tuple(value.shape)} here"
        )
        for key, value in wanted.items()
        if key in state and state[key].shape != value.shape
    ]
    raise_all(sorted(faults, key=str))
    module.load_state_dict(state, strict=False)


def _our_names(weights: Weights, streams: Sequence[str], tasks: Sequence[str]) -> dict[str, str]:
    """Map every name of salt-ml that may occur in `weights` and has a counterpart to ours."""
    names = dict(_FIXED)
    nets = {f"init_nets.{i}.net.net.": f"encoder.init_nets.{name}.layers." for i, name in enumerate(streams)}
    nets |= {f"tasks.{i}.net.net.": f"tasks.{name}.head.net.layers." for i, name in enumerate(tasks)}
    for prefix, ours in nets.items():
        for number, place in enumerate(_linear_places(prefix, weights)):
            names |= {f"{prefix}{place}.{kind}": f"{ours}{number}.{kind}" for kind in ("weight", "bias")}
    for i, name in enumerate(tasks):
        names[f"tasks.{i}.loss.weight"] = f"tasks.{name}.loss_function.weight"
    for name in weights:
        match = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)", name)
        if match and match[2] in _IN_LAYER:
            names[name] = f"encoder.layers.{match[1]}.{_IN_LAYER[match[2]]}"
    return names


def _linear_places(prefix: str, weights: Weights) -> list[int]:
    """List the numbers of a dense net's Linear layers; activations and dropout take numbers too."""
    ends = (re.fullmatch(rf"{re.escape(prefix)}(\d+)\.weight", name) for name in weights)
    return sorted(int(match[1]) for match in ends if match)

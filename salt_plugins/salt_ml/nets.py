"""What is said of a dense net in a configuration of salt-ml."""

from __future__ import annotations

from typing import Any, get_args

from salt_core.nn.activations import Activation
from salt_plugins.salt_ml.reading import Section

#: Of a net that names no activation, and of a block that names none.
DENSE_ACTIVATION, BLOCK_ACTIVATION = "ReLU", "SiLU"


def activation_of(section: Section, default: str) -> dict[str, Any]:
    """Return the activation; ours is ReLU where none is named."""
    name = section.take("activation", default)
    if name not in get_args(Activation):
        section.fault("activation", f"{name!r} is none of {', '.join(get_args(Activation))}")
    return {} if name == "ReLU" else {"activation": name}


def dense_of(section: Section, num_inputs: int | None, output_size: int | None = None) -> dict[str, Any]:
    """Return hidden layers, activation and dropout of a dense net.

    Parameters
    ----------
    section : Section
        The net.
    num_inputs : int, optional
        Columns of its input, where they are known without it.
    output_size : int, optional
        What its output must be, where it is known without it.
    """
    num_inputs = section.number("input_size") or num_inputs
    hidden = section.take("hidden_layers")
    factor = section.number("hidden_dim_scale", 2)
    if hidden is None and num_inputs is None:
        section.fault("hidden_layers", "neither they nor input_size are given")
    size = section.number("output_size", num_inputs)
    if output_size is not None and size != output_size:
        section.fault("output_size", f"{size} must be {output_size} here")
    section.refuse("final_activation", "nets have no activation after their last layer here")
    section.refuse("bias", "nets have a bias here", True)
    for key in ("mup", "muP"):
        section.refuse(key, "a model scaled by muP starts and computes otherwise", False)
    found = {"hidden_layers": hidden if hidden is not None else [factor * (num_inputs or 0)]}
    found |= activation_of(section, DENSE_ACTIVATION)
    dropout = section.take("dropout", 0.0)
    section.close(of_model=True)
    return found | ({"dropout": dropout} if dropout else {})

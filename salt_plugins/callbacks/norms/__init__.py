"""Norms of gradients and weights, layer by layer."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_callbacks() -> Mapping[str, str]:
    """Offer the names that YAML uses."""
    return {
        "gradient_norms": "salt_plugins.callbacks.norms.callback:GradientNorms",
        "weight_norms": "salt_plugins.callbacks.norms.callback:WeightNorms",
    }

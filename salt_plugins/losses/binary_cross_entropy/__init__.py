"""Binary cross entropy."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_losses() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"binary_cross_entropy": "salt_plugins.losses.binary_cross_entropy.loss:BinaryCrossEntropy"}

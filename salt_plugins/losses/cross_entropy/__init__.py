"""Cross entropy over classes."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_losses() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"cross_entropy": "salt_plugins.losses.cross_entropy.loss:CrossEntropy"}

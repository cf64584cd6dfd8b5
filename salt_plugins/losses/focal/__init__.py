"""Focal loss over classes."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_losses() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"focal": "salt_plugins.losses.focal.loss:Focal"}

"""Huber loss."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_losses() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"huber": "salt_plugins.losses.huber.loss:Huber"}

"""Checkpoints of a run."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_callbacks() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"checkpoint": "salt_plugins.callbacks.checkpoint.callback:Checkpoint"}

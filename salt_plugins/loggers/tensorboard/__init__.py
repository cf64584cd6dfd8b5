"""Metrics for TensorBoard."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_loggers() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"tensorboard": "salt_plugins.loggers.tensorboard.logger:TensorBoard"}

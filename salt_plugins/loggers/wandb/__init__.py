"""Runs in Weights & Biases."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_loggers() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"wandb": "salt_plugins.loggers.wandb.logger:WeightsAndBiases"}

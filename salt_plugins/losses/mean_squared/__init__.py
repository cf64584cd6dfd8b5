"""Mean squared difference."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_losses() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"mean_squared": "salt_plugins.losses.mean_squared.loss:MeanSquared"}

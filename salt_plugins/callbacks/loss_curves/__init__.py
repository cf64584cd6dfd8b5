"""A picture of the losses."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_callbacks() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"loss_curves": "salt_plugins.callbacks.loss_curves.callback:LossCurves"}

"""The optimiser Lion."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_optimizers() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"lion": "salt_plugins.optimizers.lion.factory:Lion"}

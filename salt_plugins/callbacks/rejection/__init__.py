"""Background rejection when a model is evaluated."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_callbacks() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"rejection": "salt_plugins.callbacks.rejection.callback:Rejection"}

"""Jets per second while training."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_callbacks() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"throughput": "salt_plugins.callbacks.throughput.callback:Throughput"}

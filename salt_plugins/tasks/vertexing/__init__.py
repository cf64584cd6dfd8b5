"""Which constituents come from the same vertex."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_tasks() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"vertexing": "salt_plugins.tasks.vertexing.head:Vertexing"}

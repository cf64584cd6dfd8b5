"""Several yes or no questions about jets or constituents."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_tasks() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"flags": "salt_plugins.tasks.flags.head:Flags"}

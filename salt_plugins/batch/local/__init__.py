"""Jobs that are processes of this machine."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_batch_backends() -> Mapping[str, str]:
    """Offer the name of the command."""
    return {"local": "salt_plugins.batch.local.backend:Local"}

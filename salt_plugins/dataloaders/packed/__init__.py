"""A store of packed jets, mapped into memory."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_dataloaders() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"packed": "salt_plugins.dataloaders.packed.loader:Packed"}

"""The encoder of GN2."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_encoders() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"gn2": "salt_plugins.encoders.gn2.encoder:GN2"}

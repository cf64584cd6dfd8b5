"""The encoder of DL1."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_encoders() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"dense": "salt_plugins.encoders.dense.encoder:JetNet"}

"""The encoder of DIPS."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_encoders() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"deepsets": "salt_plugins.encoders.deepsets.encoder:DeepSets"}

"""The encoder of the Particle Transformer."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_encoders() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"part": "salt_plugins.encoders.part.encoder:ParticleTransformer"}

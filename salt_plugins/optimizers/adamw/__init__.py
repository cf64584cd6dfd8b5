"""The optimiser AdamW."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_optimizers() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"adamw": "salt_plugins.optimizers.adamw.factory:AdamW"}

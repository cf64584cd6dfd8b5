"""The optimiser Muon, with AdamW for what is no hidden matrix."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_optimizers() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"muon": "salt_plugins.optimizers.muon.factory:Muon"}

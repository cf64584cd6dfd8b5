"""Jobs of Slurm."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_batch_backends() -> Mapping[str, str]:
    """Offer the name of the command."""
    return {"slurm": "salt_plugins.batch.slurm.backend:Slurm"}

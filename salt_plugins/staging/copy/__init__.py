"""Copies of the input files on a disk."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_staging() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"copy": "salt_plugins.staging.copy.staging:Copy"}

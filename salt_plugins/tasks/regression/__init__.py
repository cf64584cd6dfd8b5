"""Regression of numbers of jets or of constituents."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_tasks() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"regression": "salt_plugins.tasks.regression.head:Regression"}

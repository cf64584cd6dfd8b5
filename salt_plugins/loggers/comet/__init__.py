"""Experiments in Comet."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_loggers() -> Mapping[str, str]:
    """Offer the name that YAML uses."""
    return {"comet": "salt_plugins.loggers.comet.logger:Comet"}

"""The command ``salt explain``."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_commands() -> Mapping[str, str]:
    """Offer the name that the command line uses."""
    return {"explain": "salt_plugins.commands.explain.command:explain"}

"""The command ``salt export``."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_commands() -> Mapping[str, str]:
    """Offer the name that the command line uses."""
    return {"export": "salt_plugins.commands.export.command:export"}

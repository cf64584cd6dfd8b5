"""The command ``salt compare``."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_commands() -> Mapping[str, str]:
    """Offer the name that the command line uses."""
    return {"compare": "salt_plugins.commands.compare.command:compare"}

"""``salt report``: pictures and numbers of trained models on one page."""

from collections.abc import Mapping

from salt_core import hookimpl


@hookimpl
def salt_commands() -> Mapping[str, str]:
    """Offer the command."""
    return {"report": "salt_plugins.commands.report.command:report"}

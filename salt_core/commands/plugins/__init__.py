"""``salt plugins``: the subcommands around plugins, one file each."""

from __future__ import annotations

from salt_core.commands import LazyCommand, LazyGroup

COMMANDS = {
    "list": LazyCommand(
        "salt_core.commands.plugins.list:list_plugins", "List every plugin, its provider and its state."
    ),
    "show": LazyCommand("salt_core.commands.plugins.show:show", "Explain one plugin and every option of it."),
    "check": LazyCommand(
        "salt_core.commands.plugins.check:check", "Tell an author all that is wrong with a plugin package."
    ),
    "new": LazyCommand(
        "salt_core.commands.plugins.new:new",
        "Write a package with a plugin of one kind: code, test, README and the YAML that trains with it.",
    ),
}

plugins = LazyGroup(COMMANDS, name="plugins", help="List plugins, explain their options, and begin new ones.")

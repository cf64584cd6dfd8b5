"""``salt data``: the subcommands around files of jets, one file each."""

from __future__ import annotations

from salt_core.commands import LazyCommand, LazyGroup

COMMANDS = {
    "inspect": LazyCommand(
        "salt_core.commands.data.inspect:inspect", "Show what files hold: fields, types, classes, padding."
    ),
    "norm": LazyCommand(
        "salt_core.commands.data.norm:norm", "Make the norm dict and the class dict of a training sample."
    ),
    "pack": LazyCommand(
        "salt_core.commands.data.pack:pack", "Make the store of the packed dataloader ahead of a training."
    ),
    "info": LazyCommand(
        "salt_core.commands.data.info:info", "Show what a store holds and where it came from."
    ),
    "clean": LazyCommand(
        "salt_core.commands.data.clean:clean", "Remove what runs that died have left on this machine."
    ),
}

data = LazyGroup(COMMANDS, name="data", help="Look at files of jets, and make what a training needs.")

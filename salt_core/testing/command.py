"""The contract of a command."""

from __future__ import annotations

import click

from salt_core.testing.contract import Contract, require


def check_command(command: click.Command) -> None:
    """Check that a command explains itself; what it does is for tests of its own.

    Parameters
    ----------
    command : click.Command
        The command, or a group of commands.

    Raises
    ------
    Breach
        With every clause that is broken, and what was seen.
    """
    contract = Contract(command)
    with contract.clause("it is a click command", needed=True):
        require(isinstance(command, click.Command), f"it is a {type(command).__name__}")
    for path, one in _all_of(command, f"salt {command.name}"):
        with contract.clause(f"{path}: a docstring says what it does"):
            require(bool(one.help), "it has none")
        with contract.clause(f"{path}: every option has a help"):
            bare = [p.opts[-1] for p in one.params if isinstance(p, click.Option) and not p.help]
            require(not bare, f"{', '.join(bare)} has none")
        with contract.clause(f"{path}: --help is written"), click.Context(one, info_name=path) as context:
            one.get_help(context)
    contract.conclude()


def _all_of(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    found = [(path, command)]
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            found += _all_of(inner, f"{path} {name}")
    return found

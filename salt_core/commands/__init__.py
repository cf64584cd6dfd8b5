"""The subcommands of ``salt``, one file each, and the group that holds such commands."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from salt_core.errors import ConfigError, suggest


class SaltGroup(click.Group):
    """A group that shows its help when called alone, and says what a wrong name may have meant."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"callback": _help_alone, "invoke_without_command": True, **settings})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names.

        Raises
        ------
        ConfigError
            Where there is none.
        """
        choices = self.list_commands(ctx)
        if args[0] not in choices:
            raise ConfigError(f"{ctx.command_path!r} has no command {args[0]!r}: {suggest(args[0], choices)}")
        return super().resolve_command(ctx, args)


class ListedGroup(SaltGroup):
    """A group that tells its subcommands, in help and on TAB, without importing one."""

    #: What the help calls the subcommands.
    title = "Commands"

    def lines(self, ctx: click.Context) -> dict[str, str]:
        """Return a line about each subcommand, by its name."""
        raise NotImplementedError

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the subcommands in the order of their lines."""
        return list(self.lines(ctx))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer subcommands and options."""
        return [*offered(self.lines(ctx), incomplete), *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lines into the help."""
        write_lines(formatter, self.title, self.lines(ctx))


class LazyCommand(NamedTuple):
    """A subcommand that is not imported yet.

    Parameters
    ----------
    target : str
        ``module:attribute`` of the click command.
    summary : str
        Its line in the help of the group.
    """

    target: str
    summary: str


class LazyGroup(ListedGroup):
    """A group whose subcommands are imported only when they are called.

    Parameters
    ----------
    table : mapping of str to LazyCommand
        The subcommands by name, in the order of the help.
    """

    def __init__(self, table: Mapping[str, LazyCommand], **settings: Any) -> None:
        super().__init__(**settings)
        self.table = table

    def lines(self, ctx: click.Context) -> dict[str, str]:
        """Return the summaries of the table."""
        del ctx
        return {name: command.summary for name, command in self.table.items()}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand."""
        del ctx
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name].target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


def offered(lines: Mapping[str, str], incomplete: str) -> list[CompletionItem]:
    """Offer the names that begin as what was typed, each with its line."""
    return [CompletionItem(name, help=line) for name, line in lines.items() if name.startswith(incomplete)]


def write_lines(formatter: click.HelpFormatter, title: str, lines: Mapping[str, str]) -> None:
    """Write a section of names and their lines into a help; without any there is no section."""
    if lines:
        with formatter.section(title):
            formatter.write_dl(list(lines.items()))


def _help_alone() -> None:
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())

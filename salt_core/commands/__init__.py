"""The subcommands of ``salt``, one file each, and the group that holds such commands."""

from __future__ import annotations

from typing import Any

import click

from salt_core.errors import ConfigError, suggest


class SaltGroup(click.Group):
    """A group that shows its help when called alone, and says what a wrong name may have meant."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(callback=_help_alone, invoke_without_command=True, **settings)

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


def _help_alone() -> None:
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())

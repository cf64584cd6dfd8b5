"""The group ``salt``: its own commands first, and then those that plugins offer."""

from __future__ import annotations

import click

from salt_core.commands import LazyGroup
from salt_core.registry import Registry

_REGISTRY = "salt_core.commands.plugged.registry"


class PluggedGroup(LazyGroup):
    """A lazy group that knows the plugins' commands too; none of them takes the place of its own.

    Plugins are looked for only where the own commands are not enough: for the help, and for a name that
    is not among them.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the own commands, then those of plugins."""
        return [*super().list_commands(ctx), *self._offered(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name in self.table or cmd_name not in self._offered(ctx):
            return super().get_command(ctx, cmd_name)
        return _registry(ctx).command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names; a broken plugin may have been the one."""
        if args[0] in self.table:
            return click.Group.resolve_command(self, ctx, args)
        left_out = [*_registry(ctx).broken, *_registry(ctx).blocked]
        if args[0] not in self._offered(ctx) and left_out:
            broken = "; ".join(f"{one.plugin} of {one.origin}: {one.reason}" for one in left_out)
            click.echo(f"warning: plugins that were not loaded may offer commands: {broken}", err=True)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the own commands into the help, and below them those of plugins."""
        super().format_commands(ctx, formatter)
        lines = [(name, self.line(ctx, name)) for name in self._offered(ctx)]
        if lines:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(lines)

    def _offered(self, ctx: click.Context) -> list[str]:
        return [name for name in _registry(ctx).names("command") if name not in self.table]

    def line(self, ctx: click.Context, name: str) -> str:
        """Return the line of a command in the help."""
        if name in self.table:
            return super().line(ctx, name)
        found = [one for one in _registry(ctx).providers("command") if one.name == name]
        if len(found) > 1:
            return f"(offered by {' and '.join(one.origin for one in found)}: keep one of them)"
        return found[0].summary


def _registry(ctx: click.Context) -> Registry:
    """Look for plugins once in a call."""
    if _REGISTRY not in ctx.meta:
        ctx.meta[_REGISTRY] = Registry.discover()
    registry = ctx.meta[_REGISTRY]
    assert isinstance(registry, Registry)
    return registry

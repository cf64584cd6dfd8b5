"""The group ``salt``: its own commands first, and then those that plugins offer."""

from __future__ import annotations

from collections.abc import Sequence

import click

from salt_core.commands import LazyGroup, write_lines
from salt_core.registry import Provider, Registry

_REGISTRY = "salt_core.commands.plugged.registry"


class PluggedGroup(LazyGroup):
    """A lazy group that knows the plugins' commands too; none of them takes the place of its own.

    Plugins are looked for only where the own commands are not enough: for the help, and for a name that
    is not among them.
    """

    def lines(self, ctx: click.Context) -> dict[str, str]:
        """Return a line about each own command, then about those of plugins."""
        return {**super().lines(ctx), **self._offered(ctx)}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name in self.table or cmd_name not in self._offered(ctx):
            return super().get_command(ctx, cmd_name)
        return registry_of(ctx).command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names; a broken plugin may have been the one."""
        if args[0] in self.table:
            return click.Group.resolve_command(self, ctx, args)
        registry = registry_of(ctx)
        left_out = [*registry.broken, *registry.blocked]
        if args[0] not in self._offered(ctx) and left_out:
            broken = "; ".join(f"{one.plugin} of {one.origin}: {one.reason}" for one in left_out)
            click.echo(f"warning: plugins that were not loaded may offer commands: {broken}", err=True)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the own commands into the help, and below them those of plugins."""
        write_lines(formatter, self.title, super().lines(ctx))
        write_lines(formatter, "Commands of plugins", self._offered(ctx))

    def _offered(self, ctx: click.Context) -> dict[str, str]:
        """Return a line about each command that plugins alone offer."""
        found = lines_of(registry_of(ctx), "command")
        return {name: line for name, line in found.items() if name not in self.table}


def lines_of(registry: Registry, kind: str) -> dict[str, str]:
    """Return a line about each plugin of a kind, by its name."""
    offers: dict[str, list[Provider]] = {}
    for one in registry.providers(kind):
        offers.setdefault(one.name, []).append(one)
    return {name: _line(found) for name, found in offers.items()}


def _line(found: Sequence[Provider]) -> str:
    if len(found) > 1:
        return f"(offered by {' and '.join(one.origin for one in found)}: keep one of them)"
    return found[0].summary


def registry_of(ctx: click.Context) -> Registry:
    """Return the plugins, which are looked for once in a call."""
    if _REGISTRY not in ctx.meta:
        ctx.meta[_REGISTRY] = Registry.discover()
    registry = ctx.meta[_REGISTRY]
    assert isinstance(registry, Registry)
    return registry

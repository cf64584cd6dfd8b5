"""What a shell is offered on TAB; everything here is quick, and imports neither torch nor a plugin's classes."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from salt_core.commands import offered
from salt_core.commands.plugged import lines_of
from salt_core.config.arguments import CONFIG, OWN
from salt_core.config.key_paths import flags, kind_at
from salt_core.config.paths import shipped_configs
from salt_core.kinds import BY_NAME
from salt_core.registry import Registry

Items = list[CompletionItem]


def beginning(names: Iterable[str], incomplete: str) -> Items:
    """Offer the names that begin as what was typed."""
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the kinds of plugins."""
    del ctx, param
    return beginning(BY_NAME, incomplete)


def plugin_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the plugins of the kind that the command's argument ``kind`` has."""
    del param
    kind = ctx.params.get("kind")
    return _plugins(kind, incomplete) if kind in BY_NAME else []


def configs(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer files, and the configurations that come with salt."""
    del ctx, param
    return [*beginning(shipped_configs(), incomplete), CompletionItem(incomplete, type="file")]


def values(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer what may follow the last flag of ``salt fit``: files, plugins, true or false."""
    words = [word for word in ctx.params.get("words") or () if word != "="]
    flag = words[-1] if words else ""
    if flag == CONFIG:
        return configs(ctx, param, incomplete)
    annotation = flags().get(flag, "")
    kind = kind_at(annotation)
    if kind:
        return _plugins(kind, incomplete)
    if "bool" in annotation:
        return beginning(("true", "false", *re.findall(r"Literal\['(\w+)'\]", annotation)), incomplete)
    return [CompletionItem(incomplete, type="file")] if "Path" in annotation else []


class FlagsCommand(click.Command):
    """A command with the flags of ``salt fit``, which click does not know."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> Items:
        """Offer flags by their key paths."""
        del ctx
        return beginning((*OWN, *flags()), incomplete)


def _plugins(kind: str, incomplete: str) -> Items:
    return offered(lines_of(Registry.discover(), kind), incomplete)

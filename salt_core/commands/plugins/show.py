"""``salt plugins show``: one plugin and its options."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING

import click

from salt_core.commands.completing import kinds, plugin_names
from salt_core.registry import Registry

if TYPE_CHECKING:
    from salt_core.registry.options import Option


@click.command("show")
@click.argument("kind", shell_complete=kinds)
@click.argument("name", shell_complete=plugin_names)
def show(kind: str, name: str) -> None:
    """Explain one plugin and every option of it."""
    click.echo(describe(Registry.discover(), kind, name))


def describe(registry: Registry, kind: str, name: str) -> str:
    """Explain one plugin: summary, provider and every option.

    Parameters
    ----------
    registry : Registry
        Where to look.
    kind, name : str
        The kind of plugin and the name that YAML uses.

    Raises
    ------
    ConfigError
        Where the plugin does not exist or cannot be used.
    """
    if kind == "command":
        return _describe_command(registry, name)
    # Options need the class, hence torch and a docstring parser; the listing must load neither.
    from salt_core.registry.options import options_of

    cls = registry.resolve(kind, name)
    provider = registry.provider(kind, name)
    head = [
        f"{kind} {name}",
        f"  {provider.summary}",
        "",
        f"Provided by {provider.origin}: {provider.path}",
        "",
    ]
    options = options_of(cls)
    if not options:
        return "\n".join([*head, "It takes no options."])
    return "\n".join([*head, "Options", *(line for option in options for line in _option_lines(option, 2))])


def _describe_command(registry: Registry, name: str) -> str:
    provider = registry.provider("command", name)
    with click.Context(registry.command(name), info_name=f"salt {name}") as context:
        told = context.get_help()
    return f"command {name}\n\nProvided by {provider.origin}: {provider.path}\n\n{told}"


def _option_lines(option: Option, indent: int) -> Iterator[str]:
    """Explain an option and, where its values have options themselves, these below it."""
    from salt_core.registry.options import options_of

    default = "required" if option.required else f"default {_yaml_text(option.default)}"
    yield f"{' ' * indent}{option.name}: {option.type_text}, {default}"
    margin = " " * (indent + 4)
    yield from textwrap.wrap(option.description, 96, initial_indent=margin, subsequent_indent=margin)
    if option.inner is not None:
        for inner in options_of(option.inner):
            yield from _option_lines(inner, indent + 4)


def _yaml_text(value: object) -> str:
    """Write a default as YAML would; JSON is YAML, and needs no parser here."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)

"""``salt plugins``: what is installed, from whom, and which options it takes."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING

import click

from salt_core.commands import SaltGroup
from salt_core.commands.built_in import COMMANDS
from salt_core.commands.completing import kinds, plugin_names
from salt_core.commands.new_plugin import new
from salt_core.registry import BrokenPlugin, Provider, Registry
from salt_core.registry.events import Listener
from salt_core.registry.registry import check_kind

if TYPE_CHECKING:
    from salt_core.registry.options import Option

HEADINGS = ("kind", "name", "summary", "provided by", "state")
#: What the listing calls a hook that is told of something; no configuration names it.
EVENT = "event"
SUMMARY = HEADINGS.index("summary")
NARROWEST_SUMMARY = 20
GAP = "  "

plugins = SaltGroup(name="plugins", help="List plugins, explain their options, and begin new ones.")
plugins.add_command(new)


@dataclass(frozen=True)
class Row:
    """A line of the listing; `kind` and `name` are None for a plugin that could not be loaded."""

    kind: str | None
    name: str | None
    summary: str
    distribution: str
    version: str
    state: str
    plugin: str
    reason: str | None

    @property
    def is_left_out(self) -> bool:
        """Whether the line says why it cannot be used."""
        return self.state in ("broken", "blocked")

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the columns."""
        text = self.reason if self.is_left_out else self.summary
        origin = f"{self.distribution} {self.version}"
        return (self.kind or "?", self.name or self.plugin, text or "", origin, self.state)


@plugins.command("list")
@click.option("--kind", metavar="KIND", shell_complete=kinds, help="Only plugins of this kind, such as task.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON list instead of a table.")
def list_plugins(kind: str | None, as_json: bool) -> None:
    """List every plugin, its provider and its state."""
    if kind is not None:
        check_kind(kind)
    registry = Registry.discover()
    warn_of_rivals(registry)
    rows = rows_of(registry, kind)
    click.echo(json.dumps([asdict(row) for row in rows], indent=2) if as_json else table(rows, _width()))


@plugins.command("show")
@click.argument("kind", shell_complete=kinds)
@click.argument("name", shell_complete=plugin_names)
def show(kind: str, name: str) -> None:
    """Explain one plugin and every option of it."""
    click.echo(describe(Registry.discover(), kind, name))


@plugins.command("check")
@click.argument("package", required=False, metavar="[NAME|PATH]")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME.OPTION=VALUE",
    help="An option to try a plugin with, in YAML; may be given several times.",
)
@click.option("--quick", is_flag=True, help="Leave the trainings out.")
@click.pass_context
def check(ctx: click.Context, package: str | None, options: tuple[str, ...], quick: bool) -> None:
    """Tell an author all that is wrong with a plugin package.

    NAME is an installed distribution or plugin; PATH the folder of a package, installed or not, or a .py file;
    without either, every package of others is looked at. Hooks and classes are looked at, the contract of each
    kind is tried, and a small training on the demo jets: fit, resume, test and export. The exit code is 1 where
    there are mistakes.
    """
    from salt_core.authoring.checking.flow import check_plugins

    ctx.exit(check_plugins(package, options, quick, click.echo, lambda line: click.echo(line, err=True)))


def warn_of_rivals(registry: Registry) -> None:
    """Say on stderr where another distribution installs a command of the same name."""
    if registry.script_rivals:
        rivals = ", ".join(registry.script_rivals)
        click.echo(
            f"warning: {rivals} also installs a command 'salt', and the one installed last has the name; "
            "'python -m salt_core' always runs this one",
            err=True,
        )


def rows_of(registry: Registry, kind: str | None = None) -> list[Row]:
    """Make the listing; one broken or blocked is in it whatever the kind, since its kinds are unknown."""
    offers = [_row_of_provider(provider, registry) for provider in registry.providers(kind)]
    if kind is None:
        offers += map(_row_of_listener, registry.listeners)
    return offers + [_row_of_broken(one) for one in (*registry.broken, *registry.blocked)]


def _row_of_provider(provider: Provider, registry: Registry) -> Row:
    return Row(
        kind=provider.kind,
        name=provider.name,
        summary=provider.summary,
        distribution=provider.distribution,
        version=provider.version,
        state=provider.state,
        plugin=provider.plugin,
        reason=provider.fault or _rivals_of(provider, registry),
    )


def _row_of_listener(listener: Listener) -> Row:
    return Row(
        kind=EVENT,
        name=listener.hook,
        summary=_first_line(listener.function.__doc__),
        distribution=listener.distribution,
        version=listener.version,
        state="ok",
        plugin=listener.plugin,
        reason=None,
    )


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]


def _rivals_of(provider: Provider, registry: Registry) -> str | None:
    if not provider.conflict:
        return None
    same = [other for other in registry.providers(provider.kind) if other.name == provider.name]
    rivals = [f"{other.origin} (plugin {other.plugin})" for other in same if other != provider]
    if provider.kind == "command" and provider.name in COMMANDS:
        rivals = ["salt itself, whose command goes first", *rivals]
    return f"also offered by {', '.join(rivals)}"


def _row_of_broken(broken: BrokenPlugin) -> Row:
    return Row(
        kind=None,
        name=None,
        summary="",
        distribution=broken.distribution,
        version=broken.version,
        state=broken.state,
        plugin=broken.plugin,
        reason=broken.reason,
    )


def table(rows: list[Row], width: int | None) -> str:
    """Lay out the listing.

    Parameters
    ----------
    rows : list of Row
        The lines.
    width : int or None
        Columns of the terminal: summaries are cut to fit, reasons wrapped. None cuts nothing.
    """
    cells = [HEADINGS, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    if width is not None:
        others = sum(widths) - widths[SUMMARY] + len(GAP) * (len(HEADINGS) - 1)
        widths[SUMMARY] = min(widths[SUMMARY], max(width - others, NARROWEST_SUMMARY))
    lines = [_line(HEADINGS, widths)]
    for row in rows:
        lines += _lines(row, widths)
    return "\n".join(lines)


def _lines(row: Row, widths: list[int]) -> list[str]:
    text = row.cells[SUMMARY]
    if row.is_left_out:
        parts = textwrap.wrap(text, widths[SUMMARY]) or [""]
    else:
        parts = [text if len(text) <= widths[SUMMARY] else text[: widths[SUMMARY] - 1] + "…"]
    first = (*row.cells[:SUMMARY], parts[0], *row.cells[SUMMARY + 1 :])
    blank = ("",) * len(HEADINGS)
    rest = [(*blank[:SUMMARY], part, *blank[SUMMARY + 1 :]) for part in parts[1:]]
    return [_line(line, widths) for line in (first, *rest)]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


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

"""``salt plugins list``: what is installed, from whom, and whether it can be used."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from dataclasses import asdict, dataclass

import click

from salt_core.commands.built_in import COMMANDS
from salt_core.commands.completing import kinds
from salt_core.registry import BrokenPlugin, Provider, Registry
from salt_core.registry.events import Listener
from salt_core.registry.registry import check_kind

HEADINGS = ("kind", "name", "summary", "provided by", "state")
#: What the listing calls a hook that is told of something; no configuration names it.
EVENT = "event"
SUMMARY = HEADINGS.index("summary")
NARROWEST_SUMMARY = 20
GAP = "  "


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


@click.command("list")
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

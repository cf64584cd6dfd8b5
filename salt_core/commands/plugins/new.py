"""``salt plugins new``: a package with a plugin that works, to go on from."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from salt_core.commands.completing import kinds
from salt_core.kinds import BY_NAME
from salt_core.registry import Registry
from salt_core.registry.registry import check_kind


@click.command("new")
@click.argument("name")
@click.option(
    "--kind",
    metavar="KIND",
    required=True,
    shell_complete=kinds,
    help=f"What it is: {', '.join(BY_NAME)}.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where the package's folder is made; here by default.",
)
def new(name: str, kind: str, out: Path) -> None:
    """Write a package with a plugin of one kind: code, test, README and the YAML that trains with it."""
    from salt_core.authoring.names import Names, check_free
    from salt_core.authoring.package import Package, write

    check_kind(kind)
    names = Names.of(kind, name)
    check_free(names, Registry.discover())
    package = Package(names)
    path = write(package, out)
    files = "\n".join(f"  {file}" for file in sorted(package.files()))
    steps = "\n".join(f"  {line}" for line in (shlex.join(["cd", str(path)]), *package.commands))
    click.echo(f"wrote {path} with\n{files}\nto go on:\n{steps}")

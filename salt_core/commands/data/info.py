"""``salt data info``: what a store holds and where it came from."""

from __future__ import annotations

from pathlib import Path

import click

from salt_core.commands.data.loader import packing_loader


@click.command("info")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def info(folder: Path) -> None:
    """Show what the packed store in DIR holds, what it was made of, and whether it is intact.

    DIR may also be a cache of stores, such as data.cache_dir.
    """
    click.echo(packing_loader().describe(folder))

"""``salt data clean``: removes what runs that died have left on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import click

from salt_core.errors import ConfigError, SaltError
from salt_core.shelf import Shelf, known_roots, size_of
from salt_core.sizes import readable


@click.command("clean")
@click.argument("folders", metavar="[FOLDER]...", nargs=-1, type=click.Path(path_type=Path))
def clean(folders: tuple[Path, ...]) -> None:
    """Remove what runs that died have left: staged copies, parts of copies and of stores.

    It looks where runs of yours have staged files or kept stores on this machine, and in each FOLDER, such as
    the one that data.move_files_temp names. What is in use stays, and so do whole stores.
    """
    given = [shelf for folder in folders for shelf in _shelves_in(folder)]
    removed = sum([_clean(root) for root in sorted({*known_roots(), *given})])
    if not removed:
        click.echo("nothing to remove")


def _shelves_in(folder: Path) -> list[Path]:
    """Find the shelves that a folder is or holds; those of other users are theirs to clean."""
    try:
        places = [folder.absolute(), *sorted(folder.absolute().iterdir())]
        ours = [place for place in places if place.lstat().st_uid == os.geteuid()]
    except OSError as error:
        raise ConfigError(f"cannot look into this folder: {error.strerror}", where=str(folder)) from error
    return [place for place in ours if Shelf.is_at(place)]


def _clean(root: Path) -> int:
    """Clean a shelf, say what was done, and return how many things were removed."""
    try:
        shelf = Shelf.at(root)
        sizes = {path: size_of(path) for path in root.iterdir()}
        removed = shelf.clean()
    except (OSError, SaltError) as error:
        click.echo(f"left alone: {error}", err=True)
        return 0
    for path in removed:
        click.echo(f"removed {readable(sizes.get(path, 0))}: {path}")
    for path in shelf.used():
        click.echo(f"in use, {readable(size_of(path))}: {path}")
    return len(removed)

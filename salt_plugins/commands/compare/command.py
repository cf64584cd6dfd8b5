"""``salt compare``: whether two files of predictions are the same."""

from __future__ import annotations

from pathlib import Path

import click

from salt_core.errors import ConfigError

DIFFERENT = 1


@click.command("compare")
@click.argument("first", metavar="A.h5", type=click.Path(path_type=Path))
@click.argument("second", metavar="B.h5", type=click.Path(path_type=Path))
@click.option(
    "--atol", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Allowed difference."
)
@click.option(
    "--rtol", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Allowed share of B's value."
)
@click.pass_context
def compare(ctx: click.Context, first: Path, second: Path, atol: float, rtol: float) -> None:
    """Compare two HDF5 files, such as predictions, column by column.

    Entries agree where they differ by atol + rtol * |B| at most; NaN agrees with NaN alone. The exit code is
    0 where all columns of both files agree, and 1 else.
    """
    from salt_core.data.hdf5 import opened
    from salt_plugins.commands.compare.comparing import compare_files, table_of

    with opened(first, "A.h5") as a, opened(second, "B.h5") as b:
        columns = compare_files(a, b, atol, rtol)
    if not columns:
        raise ConfigError(f"neither {first} nor {second} has a dataset")
    click.echo("\n".join(table_of(columns)))
    wrong = sum(not column.agrees for column in columns)
    click.echo(f"{wrong} of {len(columns)} columns differ" if wrong else f"{len(columns)} columns agree")
    if not any(column.entries or column.trouble for column in columns):
        click.echo("neither file has an entry")
    ctx.exit(DIFFERENT if wrong else 0)

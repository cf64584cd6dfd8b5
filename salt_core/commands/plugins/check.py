"""``salt plugins check``: what is wrong with a plugin package."""

from __future__ import annotations

import click


@click.command("check")
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

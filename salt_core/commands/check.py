"""``salt check``: what ``salt fit`` would trip over, told before it starts."""

from __future__ import annotations

import click

from salt_core.commands.completing import FlagsCommand, values


@click.command(
    "check",
    cls=FlagsCommand,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
@click.argument(
    "words",
    nargs=-1,
    type=click.UNPROCESSED,
    shell_complete=values,
    metavar="[--config YAML] [OPTIONS OF FIT]",
)
@click.pass_context
def check(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Look for everything that a training would trip over; nothing is written.

    Takes what ``salt fit`` takes: --config YAML and flags. It looks at the configuration, files, variables,
    labels, class weights, normalisation, head sizes, room on the disks and devices, and makes one step
    on a few jets on the CPU. Problems are listed together, each with its key path, and the exit code
    is 2. --json lists them for other programs, as {where, message, kind}.
    """
    if {"-h", "--help"} & set(words):
        click.echo(ctx.get_help())
        return
    from salt_core.checks.flow import check as look

    rest = tuple(word for word in words if word != "--json")
    ctx.exit(look(rest, len(rest) < len(words), click.echo))

"""The console entry ``salt``: a group whose subcommands are imported only when they are called."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import NamedTuple

import click

from salt_core import logs
from salt_core.commands import SaltGroup
from salt_core.errors import SaltError
from salt_core.version import __version__

DEBUG_VARIABLE = "SALT_DEBUG"
INTERRUPTED = 130


class LazyCommand(NamedTuple):
    """A subcommand that is not imported yet.

    Parameters
    ----------
    target : str
        ``module:attribute`` of the click command.
    summary : str
        Its line in ``salt --help``.
    """

    target: str
    summary: str


COMMANDS = {
    "fit": LazyCommand("salt_core.commands.train:fit", "Train a model as YAML files and flags describe it."),
    "validate": LazyCommand(
        "salt_core.commands.train:validate", "Run a trained model over the validation sample."
    ),
    "test": LazyCommand(
        "salt_core.commands.train:test", "Evaluate a trained model and write its predictions."
    ),
    "plugins": LazyCommand("salt_core.commands.plugins:plugins", "List plugins and explain their options."),
}


class LazyGroup(SaltGroup):
    """The group over `COMMANDS`: listing them imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the subcommands in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table's lines into the help."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


salt = LazyGroup(
    name="salt",
    help="Train and evaluate jet-flavour taggers; every part is a plugin that YAML names.",
    epilog=f"{DEBUG_VARIABLE}=1 shows the traceback of an error.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, prog_name="salt", message="%(prog)s %(version)s")(salt)


def main(args: Sequence[str] | None = None) -> int:
    """Run ``salt`` and turn every failure into one message.

    Parameters
    ----------
    args : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit code: 0, 1 for a run that failed, 2 for a mistake in a file or a flag, 130 for an
        interruption.
    """
    logs.show()
    try:
        result = salt.main(args=args, prog_name="salt", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0"):
            raise
        return _report(error)
    return result if isinstance(result, int) else 0


def _report(error: Exception) -> int:
    """Show an error in one message and give its exit code."""
    if isinstance(error, SaltError):
        message, code = str(error), error.exit_code
    elif isinstance(error, click.ClickException):
        message, code = error.format_message(), error.exit_code
        context = getattr(error, "ctx", None)
        if context is not None:
            message += f" (see '{context.command_path} --help')"
    else:
        message = (
            f"{type(error).__name__}: {error}; nobody foresaw this, so it is a bug in salt or in a plugin; "
            f"{DEBUG_VARIABLE}=1 shows where"
        )
        code = 1
    click.echo(f"error: {message}", err=True)
    return code

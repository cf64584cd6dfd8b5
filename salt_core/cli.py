"""The console entry ``salt``: its own commands and those of plugins, imported only when they are called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from salt_core import logs
from salt_core.commands.built_in import COMMANDS, TIDYING, TRAINING
from salt_core.commands.completion import VARIABLE as COMPLETE_VARIABLE
from salt_core.commands.plugged import PluggedGroup
from salt_core.errors import SaltError
from salt_core.interruption import INTERRUPTED, RESUME_ME, TERMINATED, interruption
from salt_core.registry.blocking import FLAG, blocked, take_flags
from salt_core.registry.blocking import VARIABLE as BLOCK_VARIABLE
from salt_core.registry.tracing import VARIABLE as TRACE_VARIABLE
from salt_core.version import __version__

DEBUG_VARIABLE = "SALT_DEBUG"

#: Has PyTorch ask Linux for large pages, which makes a training step on a processor some 5% faster.
LARGE_PAGES_VARIABLE = "THP_MEM_ALLOC_ENABLE"


salt = PluggedGroup(
    COMMANDS,
    name="salt",
    help="Train and evaluate jet-flavour taggers; every part is a plugin that YAML names.",
    epilog=f"{DEBUG_VARIABLE}=1 shows the traceback of an error, {TRACE_VARIABLE}=1 every call of a plugin's hook.",
    context_settings={
        "help_option_names": ["-h", "--help"],
        # The options of all commands, and of plugins', have underscores; hyphens do as well.
        "token_normalize_func": lambda word: word.replace("-", "_"),
    },
)
# Only for the help: `main` takes it out of the words, since it may stand behind any command's name too.
salt.params.append(
    click.Option(
        [FLAG],
        multiple=True,
        expose_value=False,
        metavar="NAME",
        help=f"Leave out a plugin or a distribution; may stand anywhere. {BLOCK_VARIABLE}=NAME,NAME does so too.",
    )
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
        interruption, 143 for a termination, 85 for a training that was stopped and can be resumed.
    """
    completing = COMPLETE_VARIABLE in os.environ
    os.environ.setdefault(LARGE_PAGES_VARIABLE, "1")  # PyTorch reads it when it is imported
    (logs.hide if completing else logs.show)()
    try:
        words, unwanted = take_flags(sys.argv[1:] if args is None else args)
    except SaltError as error:
        return _report(error)
    # Before the imports of the command, which take seconds.
    command = words[0] if words else ""
    interruption.arm(RESUME_ME if command == TRAINING else TERMINATED, command in TIDYING)
    try:
        with blocked(unwanted):
            result = salt.main(args=words, prog_name="salt", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as error:
        if completing:
            return 1  # a shell that completes shows whatever is said amid what is typed
        if os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0"):
            raise
        return _report(error)
    finally:
        interruption.tidy()
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
    wrong = code not in (0, RESUME_ME)
    click.echo(f"error: {message}" if wrong else message, err=True)
    return code

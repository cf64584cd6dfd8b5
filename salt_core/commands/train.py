"""``salt fit``, ``salt validate`` and ``salt test``: Lightning's commands over our YAML."""

from __future__ import annotations

from collections.abc import Callable

import click

from salt_core.commands.built_in import COMMANDS
from salt_core.commands.completing import FlagsCommand, values
from salt_core.config import arguments as arguments_of_call
from salt_core.config.arguments import Arguments
from salt_core.data.workers import end_with_parent
from salt_core.interruption import interruption, is_started_rank

SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def _command(name: str, run: Callable[[Arguments], None]) -> click.Command:
    """Make a command that reads its own arguments, for click knows none of the options of plugins."""

    @click.command(
        name=name,
        cls=FlagsCommand,
        help=COMMANDS[name].summary,
        context_settings=SETTINGS,
        add_help_option=False,
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED, shell_complete=values)
    def command(words: tuple[str, ...]) -> None:
        arguments = arguments_of_call.parse(words)
        if arguments.help or arguments.plugin_help:
            _explain(name, arguments)
        else:
            run(arguments)

    return command


def _explain(name: str, arguments: Arguments) -> None:
    from salt_core.commands.plugins.show import describe
    from salt_core.config.help import command_help, plugin_kind, plugin_name
    from salt_core.config.load import merged_of
    from salt_core.config.paths import find_config
    from salt_core.config.resolver import local_plugins
    from salt_core.registry import Registry

    merged = merged_of(arguments, [find_config(text) for text in arguments.configs])
    registry = Registry.discover(local_plugins(merged))
    if arguments.help or arguments.plugin_help is None:
        click.echo(command_help(name, COMMANDS[name].summary, registry))
    else:
        kind = plugin_kind(arguments.plugin_help, merged, registry)
        click.echo(describe(registry, kind, plugin_name(arguments.plugin_help, merged)))


def _fit(arguments: Arguments) -> None:
    if is_started_rank():
        end_with_parent()
        interruption.begin()  # the first process waits for this one
    from salt_core.training.flow import fit

    fit(arguments, click.echo)


def _validate(arguments: Arguments) -> None:
    from salt_core.evaluation.flow import validate

    validate(arguments, click.echo)


def _test(arguments: Arguments) -> None:
    from salt_core.evaluation.flow import test

    test(arguments, click.echo)


fit = _command("fit", _fit)
validate = _command("validate", _validate)
test = _command("test", _test)

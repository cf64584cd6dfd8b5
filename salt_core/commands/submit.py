"""``salt submit``: one command for each batch backend, with the backend's own options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from salt_core.commands import ListedGroup
from salt_core.commands.completing import configs
from salt_core.commands.plugged import lines_of, registry_of
from salt_core.errors import RunError
from salt_core.interfaces.batch import BatchBackend
from salt_core.submission.environment import Environment
from salt_core.submission.flow import submit as submit_job
from salt_core.submission.flow import wait
from salt_core.submission.job import Asked
from salt_core.submission.options import click_options
from salt_core.submission.words import FLAGS_FROM_HERE, read_words

KIND = "batch"
SETTINGS = {"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}


class SubmitGroup(ListedGroup):
    """A group whose commands are the batch backends that are installed."""

    title = "Backends"

    def lines(self, ctx: click.Context) -> dict[str, str]:
        """Return the summaries of the backends."""
        return lines_of(registry_of(ctx), KIND)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Make the command of one backend."""
        cls = registry_of(ctx).resolve(KIND, cmd_name, "salt submit")
        assert issubclass(cls, BatchBackend)
        return backend_command(cmd_name, cls)


class BackendCommand(click.Command):
    """A command whose words keep what tells flags of ``salt fit`` from its own: click drops the first one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Double it before click reads the arguments."""
        place = args.index(FLAGS_FROM_HERE) if FLAGS_FROM_HERE in args else len(args)
        return super().parse_args(ctx, [*args[:place], *args[place : place + 1], *args[place:]])


submit = SubmitGroup(
    name="submit",
    help="Submit a training: salt submit BACKEND --config X.yaml [options] [BACKEND.NAME=VALUE] "
    "[config.KEY.PATH=VALUE] [-- flags of salt fit].",
)


def backend_command(name: str, cls: type[BatchBackend]) -> click.Command:
    """Make the command that submits to one backend."""
    own = click_options(cls, cls.short)
    return BackendCommand(
        name=name,
        params=[*_common(), *own, click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        callback=_callback(name, cls, [str(option.name) for option in own]),
        help=_help(cls),
        context_settings=SETTINGS,
    )


def _help(cls: type[BatchBackend]) -> str:
    """Return what the class says of itself, before its options."""
    return (cls.__doc__ or "").partition("Parameters\n")[0].strip()


def _callback(name: str, cls: type[BatchBackend], own: list[str]) -> Callable[..., None]:
    def callback(**given: Any) -> None:
        options = {key: given.pop(key) for key in own}
        backend = cls(**options)
        dry_run, waits, follow = (given.pop(key) for key in ("dry_run", "wait", "follow"))
        record = submit_job(_asked(given, backend), backend, name, options, click.echo, dry_run)
        if record is None or not (waits or follow):
            return
        state = wait(record, backend, click.echo, follow)
        if state.phase != "done":
            raise RunError(f"job {record.id} {state.phase}: {state.word} {state.reason}".rstrip())

    return callback


def _asked(given: dict[str, Any], backend: BatchBackend) -> Asked:
    environment = Environment(
        given["environment"],
        given["conda_env"],
        given["container"],
        tuple(given["bind"]),
        tuple(given["container_args"]),
    )
    return Asked(
        configs=given["config"],
        words=read_words(given["words"], backend.prefix),
        tag=given["tag"],
        environment=environment,
        force=given["force"],
        salt_log_dir=given["salt_log_dir"],
        requeue=given["requeue"],
        signal=given["signal"],
        max_restarts=given["max_restarts"],
        array=given["array"],
    )


def _common() -> list[click.Option]:
    """Make the options that all backends share."""
    return [*_of_the_training(), *_of_the_environment(), *_of_the_job(), *_of_this_call()]


def _of_the_training() -> list[click.Option]:
    return [
        click.Option(
            ["-c", "--config"],
            multiple=True,
            metavar="YAML",
            shell_complete=configs,
            help="Configuration; repeatable.",
        ),
        click.Option(["-t", "--tag"], metavar="NAME", help="Name of the job; by default that of the model."),
    ]


def _of_the_environment() -> list[click.Option]:
    return [
        click.Option(
            ["-e", "--environment"],
            type=click.Choice(["local", "conda", "singularity"]),
            default="local",
            show_default=True,
            help="Where the job's Python is: this one, a conda environment, or a container.",
        ),
        click.Option(
            ["--conda_env", "--conda-env"], metavar="ENV", help="Name or folder; by default ./conda."
        ),
        click.Option(["--container"], metavar="IMAGE", help="Image of the container."),
        click.Option(["-b", "--bind"], multiple=True, metavar="DIR", help="Folder that the container sees."),
        click.Option(
            ["--container_args", "--container-args"],
            multiple=True,
            metavar="WORDS",
            help="Arguments of singularity, such as --cleanenv.",
        ),
    ]


def _of_the_job() -> list[click.Option]:
    return [
        click.Option(["-f", "--force"], is_flag=True, help="Run in spite of uncommitted changes."),
        click.Option(
            ["--salt_log_dir", "--salt-log-dir", "--salt_log_suffix"],
            metavar="X",
            help="The run directory is logs/<name>_X.",
        ),
        click.Option(["-r", "--requeue"], is_flag=True, help="Queue it again until the training is done."),
        click.Option(
            ["-s", "--signal"],
            default="",
            metavar="SIG@SECONDS",
            help="Signal that stops it before its time ends.",
        ),
        click.Option(
            ["--max_restarts", "--max-restarts"],
            type=click.IntRange(min=1),
            default=10,
            show_default=True,
            help="How often it is queued again at most.",
        ),
        click.Option(
            ["--array"],
            multiple=True,
            metavar="config.KEY=A,B",
            help="Values to sweep over; repeatable.",
        ),
    ]


def _of_this_call() -> list[click.Option]:
    return [
        click.Option(
            ["--dry_run", "--dry-run"], is_flag=True, help="Show the job's files and submit nothing."
        ),
        click.Option(["--wait"], is_flag=True, help="Wait until it is over; its outcome is the exit status."),
        click.Option(["--follow"], is_flag=True, help="The same, showing its log."),
    ]

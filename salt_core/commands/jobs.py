"""``salt jobs``: what was submitted from this folder, and what has become of it."""

from __future__ import annotations

import time
from pathlib import Path

import click

from salt_core.commands import SaltGroup
from salt_core.errors import ConfigError, SaltError
from salt_core.files import shown
from salt_core.interfaces.batch import BatchBackend, State
from salt_core.registry import Registry
from salt_core.submission.flow import OVER, POLL
from salt_core.submission.follow import Follower, logs_of
from salt_core.submission.records import Record, record_of, records

HEADINGS = ("id", "backend", "tag", "state", "submitted", "run directory")


@click.group("jobs", cls=SaltGroup)
@click.pass_context
def jobs(ctx: click.Context) -> None:
    """List the jobs that were submitted from this folder; or see to one of them."""
    if ctx.invoked_subcommand is not None:
        return
    found = records(Path.cwd())
    if not found:
        click.echo("no job was submitted from this folder")
        return
    rows = [HEADINGS, *(_row(record) for record in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@jobs.command("status")
@click.argument("identifier", metavar="ID")
def status(identifier: str) -> None:
    """Tell where a job stands, and why."""
    record = record_of(Path.cwd(), identifier)
    found = backend_of(record).status(identifier)
    reason = f" ({found.reason})" if found.reason else ""
    click.echo(f"{identifier} {record.name}: {found.phase}, {found.word}{reason}".rstrip(", "))
    click.echo(f"log {shown(Path(record.log))}, run {shown(Path(record.run))}")


@jobs.command("cancel")
@click.argument("identifier", metavar="ID")
def cancel(identifier: str) -> None:
    """Take a job off the queue, or end it."""
    record = record_of(Path.cwd(), identifier)
    backend_of(record).cancel(identifier)
    click.echo(f"cancelled {identifier} {record.name}")


@jobs.command("logs")
@click.argument("identifier", metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="Show what comes, until the job is over.")
def logs(identifier: str, follow: bool) -> None:
    """Show what a job has said."""
    record = record_of(Path.cwd(), identifier)
    follower = Follower(record.log, click.echo)
    if not follow and not logs_of(record.log):
        raise ConfigError(f"job {identifier} has said nothing yet", shown(Path(record.log)))
    backend = backend_of(record)
    while follow and backend.status(identifier).phase not in OVER:
        follower.say_more()
        time.sleep(POLL)
    follower.say_more(last=True)


def backend_of(record: Record) -> BatchBackend:
    """Make the backend that submitted a job, with its options."""
    cls = Registry.discover().resolve("batch", record.backend, "salt jobs")
    backend = cls(**record.options)
    assert isinstance(backend, BatchBackend)
    return backend


def _row(record: Record) -> tuple[str, ...]:
    when = record.submitted.replace("T", " ")[:19]
    run = shown(Path(record.run))
    return (record.id, record.backend, record.name, _state(record).phase, when, run)


def _state(record: Record) -> State:
    """Ask for the state of a job; a listing goes on where one cannot be asked for."""
    try:
        return backend_of(record).status(record.id)
    except SaltError as error:
        return State("unknown", "", str(error))

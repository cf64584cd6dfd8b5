"""Submitting a job, and waiting for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from salt_core.errors import RunError
from salt_core.files import shown, write_whole
from salt_core.interfaces.batch import BatchBackend, Job, State
from salt_core.submission.follow import Follower
from salt_core.submission.job import Asked, Run, job_of
from salt_core.submission.records import Record

Say = Callable[[str], None]

SCRIPT = 0o755
OVER = ("done", "failed", "cancelled")
POLL = 2.0


def submit(
    asked: Asked, backend: BatchBackend, name: str, options: Mapping[str, object], say: Say, dry_run: bool
) -> Record | None:
    """Write a job's files and queue it; with `dry_run` show them and do nothing.

    Raises
    ------
    SaltError
        Where something cannot be written, or the scheduler refuses it; no file stays then.
    """
    now = datetime.now().astimezone()
    job, run = job_of(asked, backend, now)
    files = backend.render(job)
    if dry_run:
        for file, text in files.items():
            say(f"# {shown(job.folder / file)}\n{text}")
        return None
    _write(job, files)
    try:
        identifier = backend.submit(job)
    except BaseException:
        for file in files:
            (job.folder / file).unlink(missing_ok=True)
        raise
    record = _record(identifier, name, options, job, run, now)
    record.write(job.folder, job.stem)
    say(f"Submitted {job.name} to {name} as job {identifier}")
    say(
        f"Script {shown(job.folder / next(iter(files)))}, log {shown(Path(record.log))}, run {shown(run.path)}"
    )
    return record


def wait(record: Record, backend: BatchBackend, say: Say, follow: bool) -> State:
    """Wait until a job is over; with `follow` say meanwhile what its log says."""
    follower = Follower(record.log, say)
    while True:
        state = backend.status(record.id)
        over = state.phase in OVER
        if follow:
            follower.say_more(last=over)
        if over:
            return state
        time.sleep(POLL)


def _write(job: Job, files: Mapping[str, str]) -> None:
    """Write the files; the folder has to be there before the job, for its log."""
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            write_whole(job.folder / file, text)
            os.chmod(job.folder / file, SCRIPT)  # noqa: PTH101
    except OSError as error:
        message = f"{job.folder} cannot be written: {error.strerror}"
        raise RunError(message) from error


def _record(
    identifier: str, backend: str, options: Mapping[str, object], job: Job, run: Run, now: datetime
) -> Record:
    return Record(
        id=identifier,
        backend=backend,
        options=dict(options),
        name=job.name,
        submitted=now.isoformat(timespec="seconds"),
        folder=str(Path.cwd()),
        log=str(job.log.with_name(f"{job.stem}*.log") if job.tasks else job.log),
        run=str(run.path) + ("_*" if job.tasks else ""),
        command=list(job.command),
    )

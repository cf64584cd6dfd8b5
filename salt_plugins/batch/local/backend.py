"""Runs a job on this machine, detached from the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from salt_core import BatchBackend, ConfigError, RunError
from salt_core.files import write_whole
from salt_core.interfaces.batch import Job, State
from salt_plugins.batch.local.script import script

#: Seconds that a training has to save where it is after it was told to stop.
PATIENCE = 60

PROCESS, OUTCOME = ".process", ".outcome"


class Local(BatchBackend):
    """A process of this machine that outlives the terminal, with script and log in ``local/``.

    The tasks of an array run one after the other.
    """

    folder = "local"

    def render(self, job: Job) -> Mapping[str, str]:
        """Write the script."""
        if job.options:
            raise ConfigError(f"there is no scheduler that takes {', '.join(job.options)}")
        return {f"{job.stem}.sh": script(job, str(_outcome(job)))}

    def submit(self, job: Job) -> str:
        """Start the script in a session of its own."""
        path = job.folder / f"{job.stem}.sh"
        with job.log.open("ab") as log:
            started = subprocess.Popen(  # noqa: S603 - the script that was just written
                ["/bin/bash", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=job.folder.parent,
                start_new_session=True,
            )
        # A number is given again to another process one day, the moment of its start is not.
        write_whole(job.folder / f"{job.stem}{PROCESS}", f"{started.pid} {_start(started.pid)}\n")
        return job.stem

    def status(self, identifier: str) -> State:
        """Look for the process, then for the outcome that it has left."""
        if self._lives(identifier):
            return State("running", "RUNNING")
        path = Path.cwd() / self.folder / f"{identifier}{OUTCOME}"
        if not path.is_file():
            return State("failed", "KILLED", "it ended without a word")
        status, stopped = map(int, path.read_text().split())
        if stopped:
            return State("cancelled", "STOPPED", f"exit status {status}")
        return (
            State("done", "FINISHED") if status == 0 else State("failed", "FAILED", f"exit status {status}")
        )

    def cancel(self, identifier: str) -> None:
        """Tell the training to stop; what does not within a minute is killed."""
        pid = self._lives(identifier)
        if not pid:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while self._lives(identifier) and time.monotonic() < end:
            time.sleep(0.1)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    def _lives(self, identifier: str) -> int:
        """Return the number of the job's process; 0 where it has ended."""
        try:
            text = (Path.cwd() / self.folder / f"{identifier}{PROCESS}").read_text()
        except OSError as error:
            raise RunError(f"what is known of job {identifier} is gone: {error}") from error
        pid, _, start = text.strip().partition(" ")  # no start is known of a job that ended at once
        return int(pid) if start and _start(int(pid)) == start else 0


def _outcome(job: Job) -> Path:
    return job.folder / f"{job.stem}{OUTCOME}"


def _start(pid: int) -> str:
    """Return when a process was started, in the kernel's ticks; empty where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]

"""The script of a job, as text: it becomes the training, which then gets HTCondor's signals itself."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from salt_core import ConfigError
from salt_core.interfaces.batch import Job

# HTCondor empties a job's output when it starts it again, so that the job keeps a log of its own.
SCRIPT = """\
#!/bin/bash
{tasks}cd {folder} || exit
exec >> {log} 2>&1
exec {command}
"""


def script(job: Job, image: str | None) -> str:
    """Write the script of a job; that of an array chooses by its argument, the number of the task."""
    command = shlex.join(command_in(image, job.command))
    log = shlex.quote(str(job.log))
    if job.tasks:
        command += ' "${more[@]}"'
        log = shlex.quote(str(job.folder / job.stem)) + '-"$1".log'
    return SCRIPT.format(
        tasks=_tasks(job), folder=shlex.quote(str(job.folder.parent)), log=log, command=command
    )


def command_in(image: str | None, command: Sequence[str]) -> Sequence[str]:
    """Return what is run where HTCondor itself starts the container: the Python that is in there.

    Raises
    ------
    ConfigError
        Where the command would start another container.
    """
    if image and command[0] == "singularity":
        raise ConfigError("HTCondor starts this one; leave -e singularity out", "--image")
    return ("python", *command[1:]) if image and command[0] == sys.executable else command


def _tasks(job: Job) -> str:
    if not job.tasks:
        return ""
    cases = [f"    {i}) more=({shlex.join(words)}) ;;" for i, words in enumerate(job.tasks)]
    return "\n".join(['case "$1" in', *cases, "    *) exit 2 ;;", "esac", ""])

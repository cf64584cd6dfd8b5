"""The batch script, as text."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Mapping

from salt_core import ConfigError
from salt_core.interfaces.batch import RESUME_ME, Job

Directives = Mapping[str, "str | None"]

# A signal may come before the training listens: it waits until then, or where `env` cannot hold it back
# the job ends with its number and is queued again too.
HOLD = """\
hold=()
env --block-signal={signal} true 2>/dev/null && hold=(env --block-signal={signal})
"""

# The scheduler revives a cancelled job when it is told to requeue it, so it is asked for the state first.
REQUEUE = """\
if [ "$status" -eq {resume} ] || [ "$status" -eq {unheard} ]; then
    state=$(squeue --noheader --format=%T --jobs="$SLURM_JOB_ID")
    if [ "$state" = RUNNING ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {restarts} ]; then
        echo "queued again after $((${{SLURM_RESTART_COUNT:-0}} + 1)) of at most {restarts} times"
        scontrol requeue "$SLURM_JOB_ID"
    fi
fi
"""


def script(job: Job, directives: Directives, cpus_per_task: int | None, stop: str = "") -> str:
    """Write the batch script of a job.

    Parameters
    ----------
    job : Job
        The job.
    directives : mapping of str to str or None
        Options of sbatch by their long names; None for one without value.
    cpus_per_task : int, optional
        Which srun does not take over from sbatch.
    stop : str, optional
        Name of the signal that tells it to stop, such as ``USR1``.

    Raises
    ------
    ConfigError
        For a value that cannot stand in a directive.
    """
    lines = ["#!/bin/bash", *(_directive(name, value) for name, value in directives.items()), ""]
    if cpus_per_task is not None:
        lines.append(f"export SRUN_CPUS_PER_TASK={cpus_per_task}")
    more = ' "${more[@]}"' if job.tasks else ""
    held = ' "${hold[@]}"' if stop else ""
    lines += HOLD.format(signal=stop).splitlines() if stop else []
    lines += [*_tasks(job), f"srun --export=ALL{held} {shlex.join(job.command)}{more}", "status=$?"]
    if job.requeue:
        unheard = 128 + signal.Signals[f"SIG{stop}"]
        lines += REQUEUE.format(resume=RESUME_ME, unheard=unheard, restarts=job.max_restarts).splitlines()
    return "\n".join([*lines, 'exit "$status"', ""])


def _tasks(job: Job) -> list[str]:
    """Choose the arguments of a task of an array."""
    if not job.tasks:
        return []
    cases = [f"    {i}) more=({shlex.join(words)}) ;;" for i, words in enumerate(job.tasks)]
    return ['case "$SLURM_ARRAY_TASK_ID" in', *cases, "esac"]


def _directive(name: str, value: str | None) -> str:
    if value is None:
        return f"#SBATCH --{name}"
    if not value.isprintable() or '"' in value or "\\" in value:
        message = (
            f"{value!r} cannot stand in a batch script: quotes, backslashes and line ends are not taken there"
        )
        raise ConfigError(message, f"--{name}")
    return f'#SBATCH --{name}="{value}"'


def pattern(path: str) -> str:
    """Write a path where Slurm replaces what follows a percent sign."""
    return path.replace("%", "%%")

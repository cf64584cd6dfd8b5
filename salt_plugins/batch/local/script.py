"""The script of a local job, as text: the training, again where it asks for it, and its outcome."""

from __future__ import annotations

import shlex

from salt_core.interfaces.batch import RESUME_ME, Job

SCRIPT = """\
#!/bin/bash
# Ends with the training's status, which it writes to a file of its own.
stopped=0
trap 'stopped=1; [ -n "$child" ] && kill -TERM "$child"' TERM INT HUP
run() {{
    restarts=0
    while :; do
        "$@" & child=$!
        wait "$child"; status=$?
        while kill -0 "$child" 2>/dev/null; do wait "$child"; status=$?; done
        [ "$status" -eq {resume} ] && [ "$stopped" -eq 0 ] && [ "$restarts" -lt {restarts} ] || return "$status"
        restarts=$((restarts + 1))
        echo "started again after $restarts of at most {restarts} times"
    done
}}
{body}
printf '%s %s\\n' "$status" "$stopped" > {outcome}.part && mv {outcome}.part {outcome}
exit "$status"
"""


def script(job: Job, outcome: str) -> str:
    """Write the script of a job; the tasks of an array run one after the other."""
    restarts = job.max_restarts if job.requeue else 0
    command = shlex.join(job.command)
    lines = [f"run {command} {shlex.join(words)}" for words in job.tasks] or [f"run {command}"]
    body = "\n".join(f'{line}; code=$?; [ "$code" -eq 0 ] || worst=$code' for line in lines)
    body = f"worst=0\n{body}\nstatus=$worst"
    return SCRIPT.format(resume=RESUME_ME, restarts=restarts, body=body, outcome=shlex.quote(outcome))

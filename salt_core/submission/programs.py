"""A scheduler's own programs: called with lists of arguments, and their words passed on."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from salt_core.errors import RunError

Done = subprocess.CompletedProcess[str]


def run(
    command: Sequence[str],
    scheduler: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Done:
    """Run a program of a scheduler, whatever its exit status comes to.

    Parameters
    ----------
    command : sequence of str
        The program's name, which is looked for on the PATH, and its arguments.
    scheduler : str
        What the program belongs to, for the message.
    folder : Path, optional
        Where it runs; here by default.
    environment : mapping of str to str, optional
        Its environment; that of this process by default.

    Raises
    ------
    RunError
        Where there is no such program.
    """
    program = shutil.which(command[0])
    if program is None:
        raise RunError(f"there is no {command[0]} on this machine; is it one that submits to {scheduler}?")
    return subprocess.run(  # noqa: S603 - a list of arguments
        command, executable=program, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def output_of(done: Done) -> str:
    """Return what a program has printed.

    Raises
    ------
    RunError
        Where it has failed, in its own words.
    """
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise RunError(f"{shlex.join(done.args)} failed with status {done.returncode}: {said}")
    return done.stdout.strip()

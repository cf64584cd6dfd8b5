"""What was submitted from a folder: one small file for each job."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from salt_core.errors import ConfigError, DataError
from salt_core.files import write_whole

ENDING = ".job.json"


@dataclass(frozen=True)
class Record:
    """A submitted job.

    Parameters
    ----------
    id : str
        The scheduler's identifier.
    backend : str
        Name of the plugin that submitted it.
    options : dict
        The plugin's options, with which its verbs are called again.
    name : str
        The job's name.
    submitted : str
        When, in ISO 8601.
    folder : str
        The folder that it was submitted from.
    log : str
        Its log; of an array, of all tasks, with a wildcard.
    run : str
        Its run directory where that is known beforehand; else empty.
    command : list of str
        What it runs.
    """

    id: str
    backend: str
    options: dict[str, object]
    name: str
    submitted: str
    folder: str
    log: str
    run: str
    command: list[str]

    def write(self, folder: Path, stem: str) -> None:
        """Write it beside the job's script."""
        write_whole(folder / f"{stem}{ENDING}", json.dumps(asdict(self), indent=1) + "\n")


def records(folder: Path) -> list[Record]:
    """Return the jobs that were submitted from a folder, oldest first."""
    found = [_read(path) for path in folder.glob(f"*/*{ENDING}")]
    return sorted(found, key=lambda record: record.submitted)


def record_of(folder: Path, identifier: str) -> Record:
    """Return the job with an identifier; a task of an array is its array's.

    Raises
    ------
    ConfigError
        Where no such job was submitted from `folder`.
    """
    known = records(folder)
    wanted = {identifier, re.split("[_.]", identifier)[0]}
    found = [record for record in known if record.id in wanted]
    if not found:
        ids = ", ".join(record.id for record in known[-10:]) or "none"
        raise ConfigError(f"no job {identifier!r} was submitted from {os.fspath(folder)}; known: {ids}")
    return found[-1]


def _read(path: Path) -> Record:
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is no record of a job: {error}; remove it") from error

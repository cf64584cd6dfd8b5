"""What the process that imports a package is asked, as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """What to look at, and where trials may write.

    Parameters
    ----------
    distribution, version : str
        Of the package; path and ``local`` of a file.
    entries : mapping of str to str
        Modules by the names of entry points.
    where : str
        The file that names these.
    folder : str
        A folder for trials.
    memory : str, optional
        A folder in memory, for staging methods that copy there alone.
    file : str, optional
        The plugin file.
    options : mapping of str to object
        Values of ``--option``.
    """

    distribution: str
    version: str
    entries: Mapping[str, str]
    where: str
    folder: str
    memory: str | None = None
    file: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Request:
        """Read what `write` wrote."""
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)))

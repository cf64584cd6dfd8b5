"""Project-local plugins: one python file each, no packaging."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType

VARIABLE = "SALT_PLUGINS"


@dataclass(frozen=True)
class LocalFile:
    """A project-local plugin and its content at the time of reading.

    Parameters
    ----------
    path : Path
        Absolute path.
    source : bytes
        The content.
    """

    path: Path
    source: bytes

    @classmethod
    def read(cls, path: Path) -> LocalFile:
        """Read the file; an `OSError` passes."""
        return cls(path, path.read_bytes())

    @property
    def module_name(self) -> str:
        """A name that no other file has, and every copy of this one: pickles name classes by it."""
        digest = hashlib.sha256(self.source).hexdigest()
        return f"salt_local_{re.sub(r'[^0-9a-zA-Z_]', '_', self.path.stem)}_{digest[:12]}"

    def load(self) -> ModuleType:
        """Import the file, once in a process for each content."""
        name = self.module_name
        if name in sys.modules:
            return sys.modules[name]
        loader = _ReadSource(self)
        spec = importlib.util.spec_from_loader(name, loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


class _ReadSource(SourceLoader):
    """Runs the bytes that were read, and leaves no byte code beside the user's file."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file

    def get_filename(self, fullname: str) -> str:
        """Return the path of the file."""
        del fullname
        return str(self._file.path)

    def get_data(self, path: str | os.PathLike[str]) -> bytes:
        """Return the content of the file."""
        del path
        return self._file.source


def files_of_environment() -> list[Path]:
    """List the files that ``SALT_PLUGINS`` names."""
    return absolute([Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part.strip()])


def absolute(paths: Sequence[Path]) -> list[Path]:
    """Make paths absolute, with ``~`` written out."""
    return [path.expanduser().resolve() for path in paths]

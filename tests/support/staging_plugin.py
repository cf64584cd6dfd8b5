"""A staging method for one file system, as a plugin that tests write."""

from __future__ import annotations

SOURCE = '''"""A staging method for one file system."""

import shutil
from contextlib import contextmanager
from pathlib import Path

from salt_core import RunError, Staging


class Fast(Staging):
    """Copies files to the fast place."""

    @contextmanager
    def stage(self, files, target):
        if not {guard}:
            raise RunError(f"{{target}} is not in memory")
        Path(__file__).with_name("target").write_text(str(target))
        folders = [target / f"planted {{number}}" for number in range(len(files))]
        try:
            for file, folder in zip(files, folders):
                folder.mkdir(parents=True)
                shutil.copy(file, folder)
            yield [folder / file.name for file, folder in zip(files, folders)]
        finally:
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)
'''


def staging_where(guard: str) -> str:
    """Write a plugin with a method ``Fast`` that refuses a `target` of which `guard` does not hold."""
    return SOURCE.format(guard=guard)

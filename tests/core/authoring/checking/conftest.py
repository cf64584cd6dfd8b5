"""Packages that are not installed, and the command that looks at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Package = Callable[..., Path]

HEAD = """
[project]
name = "salt-plugin-planted"
version = "0.3.0"
dependencies = ["salt-hep"]
"""


def write_package(
    folder: Path, files: Mapping[str, str], entries: Mapping[str, str], group: str = "salt"
) -> Path:
    """Write the folder of a package with entry points; its modules lie in ``src/``."""
    lines = [f'[project.entry-points."{group}"]', *(f'{name} = "{value}"' for name, value in entries.items())]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(HEAD + "\n".join(lines) + "\n")
    for name, text in files.items():
        path = folder / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return lambda files, entries, group="salt": write_package(tmp_path / "package", files, entries, group)

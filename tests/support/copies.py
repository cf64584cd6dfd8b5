"""What tests see of staged copies."""

from __future__ import annotations

from pathlib import Path


def content(path: Path) -> dict[str, bytes]:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def left_in(target: Path) -> list[Path]:
    return sorted(target.rglob("*")) if target.is_dir() else []


def copies_in(target: Path, name: str) -> list[Path]:
    return [path for path in target.rglob(name) if path.is_file()]

"""Configuration files as layers, read without what a training needs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from salt_core.config.merge import Layer, merge
from salt_core.config.yaml import load_yaml
from salt_core.files import shown


def file_layer(path: Path) -> Layer:
    """Read a file as a layer; paths in it are relative to its folder.

    Raises
    ------
    ConfigError
        Where it cannot be read, is not YAML, or holds no mapping.
    """
    return Layer(load_yaml(path), shown(path), path.parent)


def tree_of(files: Iterable[Path]) -> dict[str, Any]:
    """Merge files as ``salt fit`` does, without base.yaml and flags; nothing is checked or completed.

    Raises
    ------
    ConfigError
        As `file_layer` does.
    """
    return merge([file_layer(path) for path in files]).tree

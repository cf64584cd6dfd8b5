"""Where files lie: beside the file that names them, in the current folder, or inside the package."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from salt_core.errors import ConfigError, located

PACKAGE = "package:"
SHIPPED = "configs"

#: Most bytes of the name of a file, and of a path, that a system takes.
NAME_LENGTH, PATH_LENGTH = 255, 4095


def package_folder() -> Path:
    """Return the folder of the installed package."""
    return Path(str(resources.files("salt_core")))


def shipped_configs() -> dict[str, Path]:
    """Return the configurations that are part of the package, by file name."""
    return {path.name: path for path in sorted((package_folder() / SHIPPED).glob("*.yaml"))}


def resolve_path(text: str, folder: Path) -> Path:
    """Make a path absolute.

    Parameters
    ----------
    text : str
        The path as written; ``~`` is a home folder, ``package:demo/demo_train.h5`` a shipped file.
    folder : Path
        What a relative path is relative to.

    Raises
    ------
    ConfigError
        Where no file can have such a path.
    """
    if text.startswith(PACKAGE):
        path = package_folder() / text.removeprefix(PACKAGE)
    else:
        path = Path(folder / _expanded(text)).absolute()
    if len(os.fsencode(path)) > PATH_LENGTH or any(len(os.fsencode(n)) > NAME_LENGTH for n in path.parts):
        raise ConfigError(f"{text[:40]!r}... is too long for the path of a file")
    return path


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(f"{text!r}: nobody here has such a home folder") from None


def find_config(text: str) -> Path:
    """Find a configuration file: at its path, or else among the shipped ones.

    Raises
    ------
    ConfigError
        Where it is in neither place.
    """
    with located("--config"):
        path = resolve_path(text, Path.cwd())
    if path.exists():
        return path
    shipped = shipped_configs()
    name = Path(text)
    if name.parent in (Path(), Path(SHIPPED)) and name.name in shipped:
        return shipped[name.name]
    raise ConfigError(
        f"the file {path} does not exist; the configurations that come with salt are {', '.join(shipped)}",
        "--config",
    )

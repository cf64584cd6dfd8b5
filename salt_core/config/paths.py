"""Where files lie: beside the file that names them, in the current folder, or inside the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from salt_core.errors import ConfigError

PACKAGE = "package:"
SHIPPED = "configs"


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
    """
    if text.startswith(PACKAGE):
        return package_folder() / text.removeprefix(PACKAGE)
    return Path(folder / Path(text).expanduser()).absolute()


def find_config(text: str) -> Path:
    """Find a configuration file: at its path, or else among the shipped ones.

    Raises
    ------
    ConfigError
        Where it is in neither place.
    """
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

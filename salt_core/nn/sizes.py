"""Checks of the sizes that options give."""

from __future__ import annotations

from salt_core.errors import ConfigError


def positive(**sizes: int) -> None:
    """Refuse a size below 1.

    Parameters
    ----------
    **sizes : int
        The sizes, by the names of their options.

    Raises
    ------
    ConfigError
        At the first one that is none.
    """
    for option, size in sizes.items():
        if size < 1:
            raise ConfigError(f"{size} is no size; give 1 or more", option)

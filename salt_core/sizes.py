"""Amounts of memory as people write them."""

from __future__ import annotations

import re

from salt_core.errors import ConfigError

UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def bytes_of(size: int | str, where: str) -> int:
    """Return a size in bytes.

    Parameters
    ----------
    size : int or str
        Bytes, or a number with a unit such as ``500 MB`` or ``1.5GiB``.
    where : str
        The YAML key path, for the message.

    Raises
    ------
    ConfigError
        Where it is no size above zero.
    """
    found = _SIZE.fullmatch(str(size))
    unit = found and UNITS.get((found[2] or "B").upper())
    if not found or not unit or not float(found[1]):
        message = (
            f"{size!r} is not a size; write bytes or a number with a unit, such as 500 MB, 1.5GiB or 2 TB"
        )
        raise ConfigError(message, where)
    return int(float(found[1]) * unit)


def readable(size: float) -> str:
    """Write a number of bytes with a unit, such as ``1.3 GB``."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(size) < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.4g} TB"

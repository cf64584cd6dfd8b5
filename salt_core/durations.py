"""Lengths of time as people and schedulers write them."""

from __future__ import annotations

import re

from salt_core.errors import ConfigError

_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):(\d{1,2})(?::(\d{1,2}))?", re.ASCII)


def seconds_of(length: int | str, where: str) -> int:
    """Return a length of time in seconds.

    Parameters
    ----------
    length : int or str
        Seconds, or ``H:MM``, ``H:MM:SS``, ``DAYS-HH:MM:SS``.
    where : str
        The YAML key path, for the message.

    Raises
    ------
    ConfigError
        Where it is no length above zero.
    """
    text = str(length).strip()
    clock = _CLOCK.fullmatch(text)
    if clock:
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        total = ((24 * days + hours) * 60 + minutes) * 60 + seconds
    else:
        total = int(text) if text.isascii() and text.isdecimal() else 0
    if not total:
        raise ConfigError(
            f"{length!r} is no length of time; write seconds, or such as 11:30:00 or 2-00:00:00", where
        )
    return total

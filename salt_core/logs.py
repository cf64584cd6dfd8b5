"""What the program says while it works: plain lines on standard error, once for all ranks."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = "salt"


def show() -> None:
    """Show messages of ``salt`` and the loggers below it, from the first process of a training alone.

    Any plugin joins in by the name of its logger, such as ``salt.my_plugin``.
    """
    first = os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("SLURM_PROCID", "0") == "0"
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.INFO if first else logging.ERROR)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.propagate = False


@contextmanager
def quiet(name: str, level: int = logging.WARNING) -> Iterator[None]:
    """Have a logger, and those below it, say warnings alone for a while, or what has another least level."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)


def hide() -> None:
    """Show no message of ``salt``."""
    logger = logging.getLogger(LOGGER)
    logger.addHandler(logging.NullHandler())
    logger.propagate = False

"""What the program says while it works: plain lines on standard error, once for all ranks."""

from __future__ import annotations

import logging
import os

PACKAGES = ("salt_core", "salt_plugins")


def show() -> None:
    """Show the messages of our own packages, from the first process of a training alone."""
    first = os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("SLURM_PROCID", "0") == "0"
    for name in PACKAGES:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO if first else logging.ERROR)
        if not logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(message)s"))
            logger.addHandler(handler)
            logger.propagate = False

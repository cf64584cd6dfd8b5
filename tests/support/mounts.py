"""File systems that tests mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a file system in memory, which only root may do; the test is skipped for others."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", options, "salt-test", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
    if done is None or done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip() if done else 'needs root'}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

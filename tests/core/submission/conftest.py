"""Programs of our own in the place of those that not every machine has."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence

import pytest


@pytest.fixture
def run_with_programs(tmp_path) -> Callable[..., str]:
    """Run a command with programs that are given as bash, and return what it says."""

    def run(programs: dict[str, str], command: Sequence[str]) -> str:
        folder = tmp_path / "programs"
        folder.mkdir()
        for name, body in programs.items():
            (folder / name).write_text(f"#!/bin/bash\n{body}\n")
            (folder / name).chmod(0o755)
        environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run

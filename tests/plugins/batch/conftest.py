"""Jobs to render, and a bash that runs a script with programs of our own in the scheduler's place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from salt_core.interfaces.batch import Job

SHOW = (sys.executable, "-c", "import json, sys; open('said.json', 'w').write(json.dumps(sys.argv[1:]))")

#: What must arrive unchanged, or be refused.
HOSTILE = [
    "two words",
    "'single' and \"double\"",
    "$HOME ${X:-y} $(touch planted) `touch planted`",
    "; touch planted #",
    "a%j%%b",
    "line\nfeed",
    "tab\there",
    "üñî → 漢字",
    "back\\slash\\",
    "-n --config=x",
    "*?[a-z]~",
    "{a,b} !x && touch planted",
    "",
]


@pytest.fixture
def job(tmp_path) -> Callable[..., Job]:
    """Describe a job that writes down the arguments which it gets."""

    def make(arguments: Sequence[str] = (), **changes: object) -> Job:
        made = Job("gn2", (*SHOW, *arguments), tmp_path / "batch", "gn2-1")
        return replace(made, **changes)

    return make


@pytest.fixture
def run_script(tmp_path) -> Callable[..., list[str]]:
    """Have a real bash run a script, and return the arguments that the job got."""

    def run(text: str, programs: dict[str, str], **environment: str) -> list[str]:
        folder = tmp_path / "machine"
        folder.mkdir(exist_ok=True)
        for name, body in programs.items():
            (folder / name).write_text(f"#!/bin/bash\n{body}\n")
            (folder / name).chmod(0o755)
        script = tmp_path / "script.sh"
        script.write_text(text)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["/bin/bash", str(script)], cwd=folder, env=os.environ | {"PATH": path} | environment, check=False
        )
        assert done.returncode == 0
        assert not (folder / "planted").exists()
        return json.loads((folder / "said.json").read_text())

    return run


@pytest.fixture
def program(tmp_path, monkeypatch) -> Callable[[str, str], Path]:
    """Put a stand-in for a scheduler's program, in bash, before all others; it notes its arguments."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(name: str, body: str) -> Path:
        noted = folder / f"{name}.arguments"
        (folder / name).write_text(f"#!/bin/bash\nprintf '%s\\n' \"$@\" > {noted}\n{body}\n")
        (folder / name).chmod(0o755)
        return noted

    return write


@pytest.fixture
def hostile() -> list[str]:
    return list(HOSTILE)


def shared_tool(name: str) -> Path:
    """Return a program that starts a scheduler; without it the test is skipped."""
    path = Path(__file__).parents[4] / "shared" / "tools" / name
    if not path.is_file():
        pytest.skip(f"needs ../shared/tools/{name}, which starts a real scheduler")
    return path


@pytest.fixture(scope="session")
def find_tool() -> Callable[[str], Path]:
    return shared_tool

"""Processes that find the plugins looked at: the look from inside, imports, and ``salt`` itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from salt_core.authoring.checking.request import Request

#: Modules that take long to import, and that listings and submissions go without.
HEAVY = (
    "torch",
    "lightning",
    "numpy",
    "scipy",
    "pandas",
    "h5py",
    "matplotlib",
    "sklearn",
    "tensorflow",
    "jax",
    "jsonargparse",
)

#: Seconds that one step of a trial may take.
PATIENCE = 600

IMPORT = f"""
import importlib, sys
before = set(sys.modules)
try:
    importlib.import_module(sys.argv[1])
except BaseException:
    sys.exit(0)
print(*[name for name in {HEAVY!r} if name in set(sys.modules) - before])
"""


def heavy_imports(module: str, environment: Mapping[str, str], folder: Path) -> list[str]:
    """Name the heavy modules that importing a module brings along; none where it does not import."""
    done = _run([sys.executable, "-c", IMPORT, module], environment, folder)
    lines = done.stdout.splitlines()
    return lines[-1].split() if lines else []


def salt(
    words: Sequence[str], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run ``salt`` in a folder."""
    return _run([sys.executable, "-m", "salt_core", *words], environment, folder)


def answers(request: Request, folder: Path, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield what the look from inside tells; the last one says how the process ended, if that was early."""
    path = folder / "request.json"
    request.write(path)
    command = [sys.executable, "-m", "salt_core.authoring.checking.inside", str(path)]
    with (
        (folder / "stderr").open("w+") as errors,
        subprocess.Popen(  # noqa: S603 - this very program
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=dict(environment)
        ) as process,
    ):
        assert process.stdout is not None
        done = False
        for line in process.stdout:
            answer = json.loads(line)
            done = done or "done" in answer
            yield answer
        process.wait()
        if not done:
            errors.seek(0)
            yield {"ended": process.returncode, "said": last_line(errors.read())}


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - this very program
            command,
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        told = f"it takes longer than {PATIENCE} s, for a few hundred jets; it may wait for something"
        return subprocess.CompletedProcess(command, 1, "", told)

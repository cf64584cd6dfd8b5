"""Time how long ``salt`` takes to start, against the bare import of what it stands on.

Each command and the imports that it is measured against run in turn, in processes of their own, so
that a drift of the machine's speed hits both. The first round is a warm-up and not counted.

Usage::

    python benchmarks/startup.py [--rounds 20]

It ends with an error where a command takes longer than its bound.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

LIGHT = "import click, pluggy, importlib_metadata"
WIDTH = 62
HEAVY = "from lightning.pytorch.cli import LightningCLI"
PACKAGES = ("salt-hep", "click", "pluggy", "importlib-metadata", "lightning", "jsonargparse", "torch")

#: A training of the demo that ends after its first step; ending takes some of the time too.
ONE_STEP = (
    *("fit", "--config", "GN2.yaml", "--config", "demo.yaml", "--force"),
    *("--trainer.max_steps", "1", "--trainer.limit_val_batches", "0"),
)


@dataclass(frozen=True)
class Contest:
    """A command, the imports or the command that it is measured against, and how many times as long it may take."""

    words: tuple[str, ...]
    against: str | tuple[str, ...]
    bound: float

    @property
    def command(self) -> list[str]:
        """The console script beside the interpreter that runs this file."""
        return salt(self.words)

    @property
    def rival(self) -> list[str]:
        """The other command, or the bare imports in the same interpreter."""
        return [sys.executable, "-c", self.against] if isinstance(self.against, str) else salt(self.against)

    @property
    def rival_name(self) -> str:
        """What it is measured against, as a reader sees it."""
        return self.against if isinstance(self.against, str) else shlex.join(("salt", *self.against))


def salt(words: tuple[str, ...]) -> list[str]:
    """Return the command line of the console script beside the interpreter."""
    return [str(Path(sys.executable).with_name("salt")), *words]


CONTESTS = (
    Contest(("plugins", "list"), LIGHT, 3.0),
    Contest(("--help",), LIGHT, 3.0),
    Contest(("fit", "--help"), HEAVY, 1.3),
    Contest(ONE_STEP, HEAVY, 1.5),
    Contest(("submit", "slurm", "-c", "GN2.yaml", "--dry-run"), ("--help",), 3.0),
)


def main() -> int:
    """Run all contests and print what they gave."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="timed runs of each command")
    rounds = parser.parse_args().rounds
    print(describe_machine(rounds))
    results = [(contest, *run(contest, rounds)) for contest in CONTESTS]
    print(f"{'command':<{WIDTH + 2}}{'median':>10}{'against':>10}{'ratio':>8}{'bound':>8}  against")
    for contest, ours, theirs, ratio in results:
        name = shorten(shlex.join(("salt", *contest.words)))
        times = f"{1000 * ours:>7.0f} ms{1000 * theirs:>7.0f} ms"
        print(f"{name:<{WIDTH + 2}}{times}{ratio:>8.2f}{contest.bound:>8.1f}  {contest.rival_name}")
    return int(any(ratio > contest.bound for contest, _, _, ratio in results))


def shorten(text: str) -> str:
    """Fit a command into its column."""
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def run(contest: Contest, rounds: int) -> tuple[float, float, float]:
    """Return the median seconds of the command and of the imports, and the median ratio of the pairs."""
    pairs = [pair(contest, command_first=number % 2 == 0) for number in range(rounds + 1)][1:]
    ours, theirs = zip(*pairs, strict=True)
    ratio = statistics.median(our / their for our, their in pairs)
    return statistics.median(ours), statistics.median(theirs), ratio


def pair(contest: Contest, command_first: bool) -> tuple[float, float]:
    """Time both, the command first or second."""
    if command_first:
        ours = seconds(contest.command)
        return ours, seconds(contest.rival)
    theirs = seconds(contest.rival)
    return seconds(contest.command), theirs


def seconds(command: list[str]) -> float:
    """Time one process; it may write byte code, as an installed program's has been."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(command, check=True, env=environment, cwd=folder, **quiet)
        return time.perf_counter() - start


def describe_machine(rounds: int) -> str:
    """Say what ran where."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return (
        f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}\n"
        f"{versions}\n"
        f"{rounds} pairs each; {shlex.join(['python', 'benchmarks/startup.py', *sys.argv[1:]])}"
    )


def cpu_name() -> str:
    """Name the processor, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())

"""A real Slurm of two nodes on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def slurm_conf(tmp_path_factory: pytest.TempPathFactory, find_tool: Callable[[str], Path]) -> Iterator[str]:
    """Start the cluster for all tests of this process, and stop it at the end."""
    if shutil.which("sbatch", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("needs Slurm: apt-get install slurm-wlm munge")
    tool = find_tool("slurm-cluster")
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([tool, "start", folder], capture_output=True, text=True, check=False)
    if started.returncode:
        pytest.skip(f"Slurm cannot be started here: {started.stderr.strip()[-300:]}")
    yield started.stdout.strip().partition("SLURM_CONF=")[2]
    subprocess.run([tool, "stop", folder], capture_output=True, check=False)


@pytest.fixture
def slurm(slurm_conf: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have the scheduler's programs find the cluster."""
    monkeypatch.setenv("SLURM_CONF", slurm_conf)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return slurm_conf

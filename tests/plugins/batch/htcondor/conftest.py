"""Ads that HTCondor makes of our files, and a real pool."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from salt_core.interfaces.batch import Job
from salt_plugins.batch.htcondor.backend import HTCondor


@pytest.fixture
def rendered(job) -> Callable[..., tuple[str, str]]:
    """Return submit description and script of a job; of the job's own parts those in `changes` differ."""

    def render(changes: dict[str, Any] | None = None, **options: Any) -> tuple[str, str]:
        description, script = HTCondor(**options).render(job(**changes or {})).values()
        return description, script

    return render


@pytest.fixture
def ads(monkeypatch) -> Callable[[str], list[dict[str, Any]]]:
    """Have HTCondor's own library make the ads of the jobs of a submit description."""
    monkeypatch.setenv("CONDOR_CONFIG", "ONLY_ENV")
    htcondor = pytest.importorskip("htcondor", reason="needs the package htcondor, which makes ads of jobs")

    def make(description: str) -> list[dict[str, Any]]:
        submit = htcondor.Submit(description)
        count = int(submit.getQArgs() or 1)
        return [dict(ad) for ad in submit.jobs(count=count, clusterid=7)]

    return make


@pytest.fixture(scope="session")
def pool_variables(
    tmp_path_factory: pytest.TempPathFactory,
    find_tool: Callable[[str], Path],
    pytestconfig: pytest.Config,
) -> Iterator[dict[str, str]]:
    """Start a pool for all tests of this process, and stop it at the end.

    The programs that it consists of are kept in pytest's cache.
    """
    tool = find_tool("htcondor-pool")
    folder = tmp_path_factory.mktemp("pool")
    assert pytestconfig.cache is not None
    kept = pytestconfig.cache.mkdir("htcondor") / "root"
    if kept.is_dir():
        shutil.copytree(kept, folder / "root", symlinks=True)
    started = subprocess.run([tool, "start", folder], capture_output=True, text=True, check=False)
    if started.returncode:
        pytest.skip(f"HTCondor cannot be started here: {started.stderr.strip()[-300:]}")
    if not kept.is_dir():
        part = kept.with_name(f"root.{os.getpid()}")
        shutil.copytree(folder / "root", part, symlinks=True)
        part.rename(kept)
    config = re.search(r"CONDOR_CONFIG=(\S+)", started.stdout)
    assert config is not None
    yield {"CONDOR_CONFIG": config[1], "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([tool, "stop", folder], capture_output=True, check=False)


@pytest.fixture
def pool(pool_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have HTCondor's programs find the pool, and jobs take one thread."""
    for name, value in pool_variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def bash_job(tmp_path) -> Callable[..., Job]:
    """Describe a job that is a few words of bash."""

    def make(name: str, words: str, **changes: Any) -> Job:
        return Job(name, ("/bin/bash", "-c", words), tmp_path / "condor", f"{name}-1", **changes)

    return make

"""CPUs and memory that control groups of either version leave to this process."""

from __future__ import annotations

import os

import pytest

from salt_core import limits
from salt_core.limits import usable_cpus, usable_memory


@pytest.fixture
def mount(tmp_path):
    return tmp_path / "cgroup"


@pytest.fixture
def own(tmp_path):
    """Say which control groups this process is in."""

    def write(*lines: str):
        path = tmp_path / "own"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of 16 CPUs and 64 GiB."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**24}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)


def write(folder, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_without_control_groups_the_machine_counts(mount, tmp_path):
    assert usable_cpus(mount, tmp_path / "none") == 16
    assert usable_memory(mount, tmp_path / "none") == 2**36


def test_affinity_counts(monkeypatch, mount, own):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 7}, raising=False)
    write(mount / "job", cpu__max="400000 100000")
    assert usable_cpus(mount, own("0::/job")) == 2


@pytest.mark.parametrize(
    ("quota", "cpus"), [("max 100000", 16), ("200000 100000", 2), ("250000 100000", 3), ("1000 100000", 1)]
)
def test_a_quota_of_version_2_is_rounded_up(mount, own, quota, cpus):
    write(mount / "job", cpu__max=quota)
    assert usable_cpus(mount, own("0::/job")) == cpus


def test_the_tightest_group_on_the_way_up_counts(mount, own):
    write(mount, cpu__max="max 100000", memory__max="max")
    write(mount / "user", cpu__max="300000 100000", memory__max=str(2**30))
    write(mount / "user" / "job", cpu__max="800000 100000", memory__max=str(2**33))
    write(mount / "other", cpu__max="100000 100000", memory__max="5")
    path = own("0::/user/job")
    assert usable_cpus(mount, path) == 3
    assert usable_memory(mount, path) == 2**30


def test_a_container_that_sees_only_the_top(mount, own):
    write(mount, cpu__max="100000 100000", memory__max=str(2**31))
    path = own("0::/docker/0123abc")
    assert usable_cpus(mount, path) == 1
    assert usable_memory(mount, path) == 2**31


def test_groups_of_version_1(mount, own):
    write(mount / "cpu" / "job", **{"cpu.cfs_quota_us": "400000", "cpu.cfs_period_us": "100000"})
    write(mount / "cpu", **{"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"})
    write(mount / "memory" / "job", memory__limit_in_bytes=str(2**32))
    write(mount / "memory", memory__limit_in_bytes=str(2**63 - 4096))
    path = own("11:memory:/job", "4:cpu,cpuacct:/job", "1:name=systemd:/elsewhere")
    assert usable_cpus(mount, path) == 4
    assert usable_memory(mount, path) == 2**32


def test_a_group_of_version_1_that_limits_something_else(mount, own):
    write(mount / "cpu" / "job", **{"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "100000"})
    write(mount / "memory" / "job", memory__limit_in_bytes="4096")
    path = own("7:pids:/job")
    assert usable_cpus(mount, path) == 16
    assert usable_memory(mount, path) == 2**36


def test_a_path_with_colons(mount, own):
    write(mount / "a:b", cpu__max="200000 100000")
    assert usable_cpus(mount, own("0::/a:b")) == 2


def test_the_real_machine(monkeypatch):
    monkeypatch.undo()
    assert 1 <= usable_cpus() <= os.cpu_count()
    assert 2**20 < usable_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert limits.CGROUPS.is_absolute()

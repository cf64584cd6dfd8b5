"""How many CPUs and how much memory this process may use, which is often less than the machine has."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def usable_cpus(mount: Path = CGROUPS, own: Path = OWN_CGROUPS) -> int:
    """Return the CPUs that affinity and control groups leave to this process; 1 at least.

    Parameters
    ----------
    mount, own : Path, optional
        Where the kernel shows control groups, and which of them this process is in.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = (quota for folder in _groups(mount, own, "cpu") if (quota := _quota(folder)))
    return max(1, min(allowed, math.ceil(min(quotas, default=allowed))))


def usable_memory(mount: Path = CGROUPS, own: Path = OWN_CGROUPS) -> int:
    """Return the bytes of memory of this machine, or of the control group that limits this process further."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (
        number
        for folder in _groups(mount, own, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (number := _number(folder / name))
    )
    return min(total, *limits, total)


def _groups(mount: Path, own: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups (version 2, then 1) that this process is in, and of those above."""
    if not own.is_file():
        return
    for line in own.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = mount / controller if controllers else mount
        folder = top / path.lstrip("/")
        # Inside a container the path may be that of the host, of which only the top is mounted.
        yield from [group for group in (folder, *folder.parents) if group.is_relative_to(top)]


def _quota(folder: Path) -> float | None:
    """Return the CPUs that a control group may use."""
    if (folder / "cpu.max").is_file():
        limit, period = (folder / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    limit_us, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return limit_us / period_us if limit_us and period_us else None


def _number(path: Path) -> int | None:
    """Read a number above zero; None for none, or ``max``."""
    text = path.read_text().strip() if path.is_file() else ""
    return int(text) if text.isdigit() and int(text) > 0 else None

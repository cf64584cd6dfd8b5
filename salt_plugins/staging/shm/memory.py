"""How much memory this process may still take: the machine's, and what the limits of its job leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

UNLIMITED = 2**60  # cgroups of version 1 write a number near 2^63

USAGE = {
    "": ("memory.max", "memory.current", ("inactive_file", "active_file")),
    "memory": (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
}


def memory_left(root: Path = Path("/")) -> list[int]:
    """List what is left, in bytes: free memory of the machine, room below each limit that applies.

    Parameters
    ----------
    root : Path, optional
        The folder that holds ``proc`` and ``sys``.

    Returns
    -------
    list of int
        Empty on a system that tells nothing.
    """
    left = [_left_in(*group) for group in _groups(root)]
    return [*_available(root), *(room for room in left if room is not None)]


def _available(root: Path) -> Iterator[int]:
    for line in _lines(root / "proc/meminfo"):
        name, value, *_ = line.split()
        if name == "MemAvailable:":
            yield int(value) * 1024


def _groups(root: Path) -> Iterator[tuple[Path, str]]:
    """Find the control groups of this process and those around them; '' is version 2, 'memory' version 1."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = root / "sys/fs/cgroup" / controllers
        group = top / path.lstrip("/")
        # In a container the path may be the host's, which is not there: the mount is then the group itself.
        yield from ((place, controllers) for place in (group, *group.parents) if place.is_relative_to(top))


def _left_in(group: Path, version: str) -> int | None:
    limit_file, usage_file, caches = USAGE[version]
    limit, usage = (_number(group / name) for name in (limit_file, usage_file))
    if limit is None or usage is None or limit >= UNLIMITED:
        return None
    counts = dict(line.split() for line in _lines(group / "memory.stat"))
    reclaimable = sum(int(counts.get(name, 0)) for name in caches)  # cached pages of disk files give way
    return max(limit - usage + reclaimable, 0)


def _number(path: Path) -> int | None:
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdecimal() else None


def _lines(path: Path) -> list[str]:
    """Read a file of the kernel; what a system does not have says nothing."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def file_system_of(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Name the type of the file system on which a resolved path lies or would lie, such as ``tmpfs``."""
    found = [line.split()[1:3] for line in _lines(mounts)]
    holders = [(len(place), kind) for place, kind in found if path.is_relative_to(place)]
    return max(holders, default=(0, ""), key=lambda holder: holder[0])[1]

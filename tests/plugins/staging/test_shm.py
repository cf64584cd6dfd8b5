"""Staging in memory: where it may, and how much room there is."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from salt_core import RunError
from salt_plugins.staging.shm import staging
from salt_plugins.staging.shm.memory import file_system_of, memory_left
from salt_plugins.staging.shm.staging import Shm

MEMINFO = "MemTotal: 1000 kB\nMemAvailable: 800 kB\n"


@pytest.fixture
def memory():
    """A folder below /dev/shm."""
    if file_system_of(staging.SHM) != "tmpfs" or not os.access(staging.SHM, os.W_OK):
        pytest.skip("needs a /dev/shm in memory")
    folder = Path(tempfile.mkdtemp(dir=staging.SHM))
    yield folder
    shutil.rmtree(folder)


def write(root: Path, files: dict[str, object]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(str(text))


def limit(group: str, most: object, used: int, cached: int = 0) -> dict[str, object]:
    """Files of a control group of version 2."""
    stat = f"anon 5\ninactive_file {cached}\nactive_file 0\nshmem 7\n"
    path = f"sys/fs/cgroup/{group}"
    return {f"{path}/memory.max": most, f"{path}/memory.current": used, f"{path}/memory.stat": stat}


def test_files_are_copied_into_memory(file, memory):
    with Shm().stage([file], memory) as (copy,):
        assert copy.read_bytes() == file.read_bytes()
        assert memory in copy.parents
    assert list(memory.iterdir()) == []


def test_a_folder_that_is_made_is_in_memory_too(file, memory):
    with Shm().stage([file], memory / "new" / "one") as (copy,):
        assert copy.read_bytes() == file.read_bytes()


def test_a_place_that_is_not_in_memory_is_refused(file, target, memory):
    (memory / "link").symlink_to(target)
    for place in (target, memory / "link", memory / ".." / ".." / ".." / "tmp"):
        with pytest.raises(
            RunError, match=r"move_files_temp: .* not in memory: .* below /dev/shm, or use .*'copy'"
        ):
            Shm().stage([file], place).__enter__()
    assert not target.exists()


def test_a_disk_at_the_place_of_the_memory_is_refused(file, target, monkeypatch):
    monkeypatch.setattr(staging, "SHM", target)
    monkeypatch.setattr(staging, "file_system_of", lambda path: "ext4")
    with pytest.raises(RunError, match="is not in memory"):
        Shm().stage([file], target).__enter__()


def test_the_room_is_that_of_the_tightest_limit(file, memory, monkeypatch):
    monkeypatch.setattr(staging, "memory_left", lambda: [10**15, 70_000])
    assert Shm().room(memory) == 70_000
    with pytest.raises(RunError, match=r"too little room: 100 KB .* has 70 KB \(70000 bytes\) left"):
        Shm().stage([file], memory).__enter__()
    assert list(memory.iterdir()) == []
    monkeypatch.setattr(staging, "memory_left", list)
    found = os.statvfs(memory)
    assert Shm().room(memory) <= found.f_blocks * found.f_frsize


def test_the_memory_that_is_free_limits(tmp_path):
    write(tmp_path, {"proc/meminfo": MEMINFO})
    assert memory_left(tmp_path) == [800 * 1024]


def test_the_limits_around_a_job_count_less_what_is_cached(tmp_path):
    write(tmp_path, {"proc/self/cgroup": "0::/slurm/job1\n"})
    write(tmp_path, limit("slurm/job1", 1000, 700, cached=200))
    write(tmp_path, limit("slurm", 5000, 4900))
    assert memory_left(tmp_path) == [500, 100]


def test_a_group_without_limit_counts_nothing(tmp_path):
    write(tmp_path, {"proc/self/cgroup": "0::/job\n"})
    write(tmp_path, limit("job", "max", 700))
    assert memory_left(tmp_path) == []


def test_a_job_that_has_more_than_its_limit_has_no_room(tmp_path):
    write(tmp_path, {"proc/self/cgroup": "0::/job\n"})
    write(tmp_path, limit("job", 100, 700))
    assert memory_left(tmp_path) == [0]


def test_in_a_container_the_mount_is_the_group(tmp_path):
    write(tmp_path, {"proc/self/cgroup": "0::/host/path/of/container\n"})
    write(tmp_path, limit(".", 1000, 900))
    assert memory_left(tmp_path) == [100]


def test_groups_of_version_1_count(tmp_path):
    path = "sys/fs/cgroup/memory/job"
    write(tmp_path, {"proc/self/cgroup": "4:memory:/job\n3:cpuset:/\n0::/\n"})
    stat = "cache 1\ntotal_inactive_file 20\ntotal_active_file 3\n"
    numbers = {"limit_in_bytes": 1000, "usage_in_bytes": 600, "stat": stat}
    write(tmp_path, {f"{path}/memory.{name}": value for name, value in numbers.items()})
    top = {"limit_in_bytes": 9223372036854771712, "usage_in_bytes": 600, "stat": stat}
    write(tmp_path, {f"{path}/../memory.{name}": value for name, value in top.items()})
    assert memory_left(tmp_path) == [423]


def test_this_machine_tells_what_is_left():
    if not Path("/proc/meminfo").exists():
        pytest.skip("needs /proc/meminfo")
    assert all(room > 0 for room in memory_left())
    assert len(memory_left()) >= 1


def test_the_innermost_mount_tells_the_file_system(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda / ext4 rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n/dev/sdb /dev/shm/x xfs rw 0 0\n")
    found = [
        file_system_of(Path(path), mounts) for path in ("/data", "/dev/shm/a", "/dev/shm/x/a", "/dev/shmoo")
    ]
    assert found == ["ext4", "tmpfs", "xfs", "ext4"]
    assert file_system_of(Path("/data"), tmp_path / "none") == ""

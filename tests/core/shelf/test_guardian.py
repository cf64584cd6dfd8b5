"""Guardians of entries that do not stay: they remove them, whoever is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from processes import lives, until
from shelves import guardian_of, is_whole, kill_with_guardian, make, make_not

from salt_core.shelf import Shelf


@pytest.mark.parametrize("step", ["making", "taken"])
def test_the_guardian_removes_what_a_killed_process_left(root, worker, step):
    killed = worker()
    killed.says("making")
    if step == "taken":
        killed.go()
        killed.says("taken")
    guardian = guardian_of(root)
    killed.end_by(signal.SIGKILL)
    until(lambda: not root.exists())
    until(lambda: not lives(guardian))


def test_the_guardian_waits_for_every_user(root, worker):
    killed = worker()
    killed.says("making")
    killed.go()
    killed.says("taken")
    lease = Shelf(root, keep=False).take("jets", make_not)
    guardian = guardian_of(root)
    killed.end_by(signal.SIGKILL)
    assert is_whole(lease.path)
    assert lives(guardian)
    lease.release()
    assert not root.exists()


def test_the_guardian_does_its_work_after_signals_that_end_a_job(root, worker):
    killed = worker()
    killed.says("making")
    killed.go()
    killed.says("taken")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(guardian_of(root), number)
    killed.end_by(signal.SIGKILL)
    until(lambda: not root.exists())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_guardian_sleeps_while_it_waits(root, worker):
    def ticks() -> int:
        fields = Path(f"/proc/{guardian_of(root)}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    with Shelf(root, keep=False).take("jets", make):
        before = ticks()
        for _ in range(3):
            worker().says("taken")  # some tenths of a second of other work
        assert ticks() - before < 5


def test_the_guardian_ends_after_a_normal_release(root):
    lease = Shelf(root, keep=False).take("jets", make)
    guardian = guardian_of(root)
    assert lives(guardian)
    assert os.getsid(guardian) != os.getsid(0)
    lease.release()
    until(lambda: not lives(guardian))


def test_there_is_one_guardian_and_a_new_one_where_it_died(root):
    shelf = Shelf(root, keep=False)
    leases = [shelf.take("jets", make)]
    first = guardian_of(root)
    leases.append(shelf.take("jets", make_not))
    assert guardian_of(root) == first
    os.kill(first, signal.SIGKILL)
    until(lambda: not lives(first))
    leases.append(shelf.take("jets", make_not))
    assert guardian_of(root) != first
    assert lives(guardian_of(root))
    for lease in leases:
        lease.release()
    assert not root.exists()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_the_guardian_inherits_no_file(root, tmp_path):
    descriptor = os.open(tmp_path / "open", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(descriptor, True)
    with Shelf(root, keep=False).take("jets", make):
        files = [fd.readlink() for fd in Path(f"/proc/{guardian_of(root)}/fd").iterdir()]
    os.close(descriptor)
    assert {file.parent for file in files} <= {Path("/dev"), root / ".locks-passing"}


def test_with_its_guardian_killed_too_clean_removes_an_entry(root, worker):
    killed = worker()
    killed.says("making")
    killed.go()
    killed.says("taken")
    kill_with_guardian(killed, root)
    shelf = Shelf(root, keep=False)
    assert shelf.entries() == [root / "jets"]
    assert shelf.used() == []
    assert shelf.clean() == [root / "jets"]
    assert not root.exists()

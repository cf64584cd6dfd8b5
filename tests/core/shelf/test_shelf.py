"""Shelves: real processes, really killed."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from processes import Stepped, until
from shelves import FORKING, LOOPING, is_whole, kill_with_guardian, make, make_not

from salt_core.errors import ConfigError
from salt_core.shelf import Shelf, size_of

ROOT = Path(__file__).parents[3]


def test_an_entry_is_made_once_and_stays(root):
    shelf = Shelf(root, keep=True)
    with shelf.take("jets", make) as lease:
        assert lease.path == root / "jets"
        assert is_whole(lease.path)
    with shelf.take("jets", make_not) as again:
        assert is_whole(again.path)
    assert shelf.entries() == [root / "jets"]
    assert root.stat().st_mode & 0o777 == 0o700
    assert not list(root.glob(".*.part"))


def test_an_entry_that_does_not_stay_goes_with_its_last_user(root):
    shelf = Shelf(root, keep=False)
    first, second = shelf.take("jets", make), shelf.take("jets", make_not)
    first.release()
    first.release()
    assert is_whole(second.path)
    assert shelf.used() == [root / "jets"]
    second.release()
    assert not root.exists()


def test_the_last_user_may_be_another_process(root, worker):
    other = worker()
    other.says("making")
    other.go()
    other.says("taken")
    Shelf(root, keep=False).take("jets", make_not).release()
    assert is_whole(root / "jets")
    other.go()
    other.says("released")
    assert not root.exists()


def test_two_processes_at_once_make_one_entry(root, worker):
    makers = [worker(), worker()]
    until(lambda: (root / ".jets.part" / "first").exists())
    for one in makers:
        one.go()  # whichever makes: the line of the other one ends its use
    words = [one.process.stdout.readline().strip() for one in makers]
    assert sorted(words) == ["making", "taken"]


def test_who_waits_says_so_once(root, worker, caplog):
    maker = worker()
    maker.says("making")
    caplog.set_level("INFO", "salt")
    leases = []
    shelf = Shelf(root, keep=False)
    waiting = threading.Thread(target=lambda: leases.append(shelf.take("jets", make_not, what="a copy")))
    waiting.start()
    until(lambda: bool(caplog.messages))
    maker.go()
    waiting.join(10)
    assert is_whole(leases[0].path)
    assert caplog.messages == ["waiting for another process that makes a copy"]
    leases[0].release()


def test_what_a_killed_maker_left_is_removed_by_the_next_take(root, worker):
    maker = worker("keep")
    maker.says("making")
    maker.end_by(signal.SIGKILL)
    assert (root / ".jets.part" / "first").exists()
    with Shelf(root, keep=True).take("jets", make) as lease:
        assert is_whole(lease.path)
    assert not (root / ".jets.part").exists()


def test_what_a_killed_maker_left_is_removed_by_clean(root, worker):
    maker = worker("keep")
    maker.says("making")
    shelf = Shelf(root, keep=True)
    assert shelf.clean() == []
    assert shelf.used() == [root / ".jets.part"]
    maker.end_by(signal.SIGKILL)
    assert shelf.clean() == [root / ".jets.part"]
    assert [path.name for path in root.rglob("*")] == [".locks-kept"]


def test_a_child_of_a_killed_maker_holds_no_lock(root, worker):
    maker = worker(script=FORKING)
    maker.says("making")
    maker.end_by(signal.SIGKILL)
    assert Shelf(root, keep=True).clean() == [root / ".jets.part"]


def test_an_entry_without_user_is_used_again_and_removed_in_the_end(root, worker):
    killed = worker()
    killed.says("making")
    killed.go()
    killed.says("taken")
    kill_with_guardian(killed, root)
    with Shelf(root, keep=False).take("jets", make_not) as lease:
        assert is_whole(lease.path)
    assert not root.exists()


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_nothing_and_goes_up(root, keep, error):
    def fail(folder: Path) -> None:
        (folder / "first").write_text("1")
        raise error

    shelf = Shelf(root, keep=keep)
    with pytest.raises(error):
        shelf.take("jets", fail)
    assert [path for path in root.rglob("*") if path.name != ".locks-kept"] == []
    with shelf.take("jets", make) as lease:
        assert is_whole(lease.path)


@pytest.mark.parametrize("step", ["making", "taken"])
def test_an_interruption_leaves_nothing(root, worker, step):
    interrupted = worker()
    interrupted.says("making")
    if step == "taken":
        interrupted.go()
        interrupted.says("taken")
    interrupted.end_by(signal.SIGINT)
    assert "KeyboardInterrupt" in interrupted.process.stderr.read()
    until(lambda: not root.exists())


def test_a_failure_leaves_the_entry_of_others(root):
    def fail(path: Path) -> bool:
        raise OSError

    shelf = Shelf(root, keep=False)
    with shelf.take("jets", make) as lease:
        with pytest.raises(OSError):
            shelf.take("jets", make_not, fail)
        assert is_whole(lease.path)


def test_an_unsound_entry_is_made_again(root):
    shelf = Shelf(root, keep=True)
    shelf.take("jets", lambda folder: (folder / "first").touch()).release()
    with shelf.take("jets", make, is_whole) as lease:
        assert is_whole(lease.path)
    assert not list(root.glob(".*.gone"))
    shelf.take("jets", make_not, is_whole).release()


def test_everything_is_on_disk_before_an_entry_is_there(root, monkeypatch):
    synced = []

    def note(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, (root / "jets").exists()))

    def make_nested(folder: Path) -> None:
        (folder / "inner").mkdir()
        make(folder / "inner")

    monkeypatch.setattr(os, "fsync", note)
    Shelf(root, keep=True).take("jets", make_nested).release()
    before = [inode for inode, there in synced if not there]
    files = [root / "jets", *(root / "jets").rglob("*")]
    assert sorted(before) == sorted(path.stat().st_ino for path in files)
    assert [inode for inode, there in synced if there] == [root.stat().st_ino]


def test_a_folder_that_somebody_removed_is_made_again_beside_its_old_user(root):
    shelf = Shelf(root, keep=False)
    old = shelf.take("jets", make)
    shutil.rmtree(root)
    new = shelf.take("jets", make)
    old.release()
    assert is_whole(new.path)
    new.release()
    assert not root.exists()


def test_a_forked_process_ends_no_use(root):
    shelf = Shelf(root, keep=False)
    lease = shelf.take("jets", make)
    child = os.fork()
    if not child:
        lease.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert shelf.used() == [root / "jets"]
    lease.release()


def test_processes_that_come_and_go_never_make_two_at_once(root, tmp_path):
    loops = [Stepped(LOOPING, root, 12) for _ in range(3)]
    for loop in loops:
        _, err = loop.process.communicate(timeout=60)
        assert loop.process.returncode == 0, err
    until(lambda: not root.exists())
    assert not (tmp_path / "one-maker").exists()


def test_trim_removes_what_was_not_used_for_longest(root):
    shelf = Shelf(root, keep=True)
    for number in range(5):
        shelf.take(f"e{number}", lambda folder: (folder / "x").write_bytes(bytes(100))).release()
        os.utime(root / ".locks-kept" / f"e{number}.use", (number, number))
    used = shelf.take("e0", make_not)
    assert shelf.trim(500) == []
    assert shelf.trim(200, spare=["e2"]) == [root / "e1", root / "e3", root / "e4"]
    assert shelf.entries() == [root / "e0", root / "e2"]
    assert shelf.trim(0) == [root / "e2"]
    used.release()
    assert shelf.trim(0) == [root / "e0"]
    assert list((root / ".locks-kept").iterdir()) == []


def test_taking_an_entry_is_its_last_use(root):
    shelf = Shelf(root, keep=True)
    for number in range(2):
        shelf.take(f"e{number}", make).release()
        os.utime(root / ".locks-kept" / f"e{number}.use", (number, number))
    shelf.take("e0", make_not).release()
    assert shelf.trim(3) == [root / "e1"]


@pytest.mark.parametrize("keep", [True, False])
def test_what_others_put_into_the_folder_stays(root, keep):
    (root / "thesis").mkdir(parents=True)
    (root / "thesis" / "chapter").write_text("x" * 100)
    (root / ".hidden.part").mkdir()
    shelf = Shelf(root, keep=keep)
    shelf.take("jets", make).release()
    shelf.clean()
    shelf.trim(0)
    assert (root / "thesis" / "chapter").exists()
    assert (root / ".hidden.part").exists()
    assert shelf.entries() == []


def test_a_link_is_refused(root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=rf"{root}: is a symbolic link"):
        Shelf(root, keep=False)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_folder_in_which_others_write_is_refused(root, mode):
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(ConfigError, match=rf"{root}: others may write there \(mode {mode:o}\)"):
        Shelf(root, keep=True)


def test_a_file_is_refused(root):
    root.touch()
    with pytest.raises(ConfigError, match="is not a folder"):
        Shelf(root, keep=True)
    with pytest.raises(ConfigError, match="cannot make this folder: File exists"):
        Shelf(root / "below", keep=True)


def test_another_user_s_folder_is_refused(root, monkeypatch):
    root.mkdir(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: root.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        Shelf(root, keep=True)


def test_a_shelf_of_the_other_sort_is_refused(root):
    Shelf(root, keep=True)
    with pytest.raises(ConfigError, match="this folder holds a cache"):
        Shelf(root, keep=False)
    assert Shelf.at(root).keep
    assert Shelf.is_at(root)
    assert not Shelf.is_at(root.parent)


def test_a_file_system_without_locks_is_told(root, monkeypatch):
    def refuse(*words: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    shelf = Shelf(root, keep=True)
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ConfigError, match=rf"{root}: .* no locks \(No locks available\).* local disk"):
        shelf.take("jets", make_not)


@pytest.mark.parametrize("key", ["", ".hidden", "a/b", "..", "x" * 201])
def test_a_key_is_a_plain_name(root, key):
    with pytest.raises(ValueError, match="is no key"):
        Shelf(root, keep=True).take(key, make_not)


def test_sizes_are_those_of_all_files(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a").write_bytes(bytes(10))
    (tmp_path / "inner" / "b").write_bytes(bytes(5))
    assert size_of(tmp_path) == 15


def test_a_shelf_imports_nothing_heavy():
    code = "import sys, salt_core.shelf; print({'torch', 'numpy', 'h5py'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=os.environ, check=True
    )
    assert done.stdout.strip() == "set()"

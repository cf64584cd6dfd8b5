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
from processes import Stepped, lives, until

from salt_core.errors import ConfigError
from salt_core.shelf import Shelf, known_roots, size_of, state_folder
from salt_core.shelf import entry as entries
from salt_core.shelf.entry import is_at, locked, unlock

ROOT = Path(__file__).parents[2]

# Takes one entry; goes on in its make, and then with its entry, when a line comes.
WORKER = """
import sys
from pathlib import Path
from salt_core.shelf import Shelf

def step(word):
    print(word, flush=True)
    sys.stdin.readline()

def make(folder):
    (folder / "first").write_text("1")
    step("making")
    (folder / "last").write_text("2")

lease = Shelf(Path(sys.argv[1]), keep=sys.argv[2] == "keep").take("jets", make)
step("taken")
lease.release()
print("released", flush=True)
"""

# Forks while it makes an entry; the child lives until standard input ends.
FORKING = """
import os, sys
from pathlib import Path
from salt_core.shelf import Shelf

def make(folder):
    if not os.fork():
        print("making", flush=True)
    sys.stdin.read()
    os._exit(0)

Shelf(Path(sys.argv[1]), keep=True).take("jets", make)
"""

LOOPING = """
import sys
from pathlib import Path
from salt_core.shelf import Shelf

def make(folder):
    lock = folder.parent.parent / "one-maker"
    lock.mkdir()
    (folder / "first").write_text("1")
    (folder / "last").write_text("2")
    lock.rmdir()

for _ in range(int(sys.argv[2])):
    with Shelf(Path(sys.argv[1]), keep=False).take("jets", make) as lease:
        assert {path.name for path in lease.path.iterdir()} == {"first", "last"}
"""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("SALT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "shelf"


@pytest.fixture
def worker(root):
    started = []

    def start(keep: str = "pass", script: str = WORKER) -> Stepped:
        started.append(Stepped(script, root, keep))
        return started[-1]

    yield start
    for one in started:
        one.close()


def make(folder: Path) -> None:
    (folder / "first").write_text("1")
    (folder / "last").write_text("2")


def make_not(folder: Path) -> None:
    raise AssertionError("made again")


def is_whole(path: Path) -> bool:
    return sorted(file.name for file in path.iterdir()) == ["first", "last"]


def guardian_of(root: Path, key: str = "jets") -> int:
    return int((root / ".locks-passing" / f"{key}.guard").read_text())


def kill_with_guardian(one: Stepped, root: Path) -> None:
    guardian = guardian_of(root)
    os.kill(guardian, signal.SIGKILL)
    until(lambda: not lives(guardian))
    one.end_by(signal.SIGKILL)


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


def test_a_lock_on_a_removed_file_is_not_taken_for_one(tmp_path):
    path = tmp_path / "lock"
    holder = locked(path, fcntl.LOCK_EX)
    waiting = threading.Thread(target=lambda: got.append(locked(path, fcntl.LOCK_EX)))
    got = []
    opened = entries.os.open
    is_open = threading.Event()

    def open_and_tell(*words: object) -> int:
        descriptor = opened(*words)
        is_open.set()
        return descriptor

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries.os, "open", open_and_tell)
        waiting.start()
        assert is_open.wait(10)
        path.unlink()
        unlock(holder)
        waiting.join(10)
    assert is_at(got[0], path)
    assert locked(path, fcntl.LOCK_EX, wait=False) is None
    unlock(got[0])


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


def test_shelves_are_known_until_they_are_gone(root, state):
    Shelf(root, keep=True)
    lease = Shelf(root.with_name("other"), keep=False).take("jets", make)
    assert known_roots() == [root.with_name("other"), root]
    lease.release()
    assert known_roots() == [root]
    assert len(list((state / "shelves").iterdir())) == 1


def test_a_state_folder_that_cannot_be_written_is_no_error(root, state):
    state.touch()
    with Shelf(root, keep=True).take("jets", make) as lease:
        assert is_whole(lease.path)
    assert known_roots() == []


def test_the_state_folder_is_the_machine_s_own(monkeypatch, tmp_path):
    monkeypatch.setattr("socket.gethostname", lambda: "node7")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / "state"
    monkeypatch.delenv("SALT_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_folder() == tmp_path / "xdg" / "salt-hep" / "node7"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert state_folder() == tmp_path / ".local" / "state" / "salt-hep" / "node7"


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

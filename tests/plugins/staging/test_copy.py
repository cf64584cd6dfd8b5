"""Staging by copies: what is given out, what is shared, what goes wrong, and that nothing is left."""

from __future__ import annotations

import errno
import logging
import os
import random
import re
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from mounts import mounted
from processes import until

from salt_core import RunError
from salt_core.shelf import Shelf
from salt_plugins.staging.copy import copying, staging
from salt_plugins.staging.copy.source import look_at
from salt_plugins.staging.copy.staging import Copy

SEED = random.SystemRandom().randrange(10**6)


def content(path: Path) -> dict[str, bytes]:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def left_in(target: Path) -> list[Path]:
    return sorted(target.rglob("*")) if target.is_dir() else []


def refused(target: Path, *files: Path, verify: bool = True) -> str:
    """Stage what cannot be staged, and return the message."""
    before = [path.stat() for path in files if path.exists()]
    with pytest.raises(RunError) as caught, Copy(verify).stage(files, target):
        raise AssertionError("it was staged")
    after = [path.stat() for path in files if path.exists()]
    assert [(found.st_size, found.st_ino) for found in before] == [(f.st_size, f.st_ino) for f in after]
    assert caught.value.exit_code == 1
    return str(caught.value)


@pytest.fixture
def during(monkeypatch):
    """Do something after the first piece of a phase, ``copy`` or ``verify``."""

    def plan(phase: str, act) -> None:
        @contextmanager
        def bar(text: str, size: int):
            def update(size: int) -> None:
                if pending and text.startswith(phase):
                    pending.pop()()

            yield SimpleNamespace(update=update)

        pending = [act]
        monkeypatch.setattr(staging, "_bar", bar)

    return plan


def copies_in(target: Path, name: str) -> list[Path]:
    return [path for path in target.rglob(name) if path.is_file()]


def test_copies_of_files_and_folders_come_in_order_and_go(file, store, target):
    other = file.parent / "other" / "jets.h5"
    other.parent.mkdir()
    other.write_bytes(b"other")
    given = [store, file, other]
    with Copy().stage(given, target) as copies:
        assert [copy.name for copy in copies] == ["store", "jets.h5", "jets.h5"]
        assert [content(copy) for copy in copies] == [content(path) for path in given]
        assert (copies[0] / "inner").is_dir()
        assert all(path.stat().st_mode & 0o077 == 0 for path in target.rglob("*"))
        assert target / f"salt-staging-{os.geteuid()}" in copies[0].parents
        assert {path.stat().st_ino for path in given}.isdisjoint(copy.stat().st_ino for copy in copies)
    assert left_in(target) == []
    assert len(content(store)) == 4


def test_no_file_and_a_file_twice(file, target):
    with Copy().stage([], target) as copies:
        assert list(copies) == []
    with Copy().stage([file, file], target) as copies:
        assert copies[0] == copies[1]
        assert content(copies[0]) == content(file)
    assert left_in(target) == []


def test_an_exception_goes_up_as_it_is_and_leaves_nothing(file, target):
    with pytest.raises(OSError, match="of the training"), Copy().stage([file], target):
        raise OSError("of the training")
    assert left_in(target) == []


def test_processes_share_one_copy_until_the_last_one_leaves(file, target, stager, caplog):
    caplog.set_level(logging.INFO, "salt.staging")
    other = stager(file)
    other.says("staged")
    (inode,) = (path.stat().st_ino for path in copies_in(target, "jets.h5"))
    with Copy().stage([file], target) as (copy,):
        assert copy.stat().st_ino == inode
        other.go()
        other.says("left")
        assert content(copy) == content(file)
    assert left_in(target) == []
    assert caplog.messages == [f"sharing the copy of {file} that is at {copy}"]
    assert other.process.stderr.read().count("copied ") == 1


def test_a_source_that_changed_has_a_copy_of_its_own(file, target):
    with Copy().stage([file], target) as (old,):
        before = content(old)
        file.write_bytes(b"new")
        with Copy().stage([file], target) as (new,):
            assert content(new) == {"": b"new"}
        assert content(old) == before
    assert left_in(target) == []


def test_a_file_in_a_folder_that_changed_makes_a_new_copy(store):
    before = look_at(store).key
    assert look_at(store).key == before
    inner = store / "inner" / "c"
    os.utime(inner, ns=(0, inner.stat().st_mtime_ns + 1))
    assert look_at(store).key != before


def test_what_is_done_is_said_in_one_line_and_no_bar_is_drawn_in_a_file(file, target, caplog, capfd):
    caplog.set_level(logging.INFO, "salt.staging")
    with Copy().stage([file], target):
        pass
    (message,) = caplog.messages
    assert re.fullmatch(
        rf"copied {file} \(100 KB\) in \d+\.\d s, \d+ MB/s, to {target}/salt-staging-\d+", message
    )
    assert capfd.readouterr().err == ""


def test_too_little_room_is_said_before_the_first_byte(file, store, target, monkeypatch):
    written = []
    monkeypatch.setattr(staging, "copy_source", lambda *words: written.append(words))
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=200, f_bfree=900, f_frsize=1000))
    message = refused(target, file, store)
    assert message.startswith("data.move_files_temp: too little room: 250 KB (250000 bytes) are to be copied")
    assert f"to {target}, which has 200 KB (200000 bytes) left" in message
    assert written == []
    assert left_in(target) == []


def test_a_file_that_is_given_twice_needs_room_once(file, target, monkeypatch):
    monkeypatch.setattr(Copy, "room", lambda self, target: 100_000)
    with Copy().stage([file, file], target) as copies:
        assert len(copies) == 2


def test_what_is_there_needs_no_room(file, target, monkeypatch):
    with Copy().stage([file], target):
        monkeypatch.setattr(Copy, "room", lambda self, target: 0)
        with Copy().stage([file], target) as (copy,):
            assert content(copy) == content(file)


def test_what_another_process_is_copying_needs_no_room(file, target, stager, monkeypatch):
    other = stager(file, pause=True)
    other.says("copying")
    monkeypatch.setattr(Copy, "room", lambda self, target: 0)
    staged = []

    def stage() -> None:
        with Copy().stage([file], target) as (copy,):
            staged.append(content(copy))

    waiting = threading.Thread(target=stage)
    waiting.start()
    other.go()
    other.says("copying")  # verifying
    other.go()
    other.says("staged")
    waiting.join(10)
    assert staged == [content(file)]


def test_a_disk_that_is_full_midway_leaves_nothing(file, tmp_path, target, monkeypatch):
    monkeypatch.setattr(Copy, "room", lambda self, target: 10**9)
    with mounted(target, "size=64k"):
        message = refused(target, file)
        assert "no room is left there: No space left on device" in message
        assert str(target) in message
        assert left_in(target) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_refusal_of_room_is_told(file, target, monkeypatch, number):
    def refuse(*words: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(copying.os, "write", refuse)
        message = refused(target, file)
    assert f"jets.h5: no room is left there: {os.strerror(number)}; name a larger place" in message
    assert left_in(target) == []


def test_a_read_only_file_system_is_told(file, target):
    with mounted(target, "ro"):
        message = refused(target, file)
    assert message.startswith(f"data.move_files_temp: {target}/salt-staging-")
    assert "cannot make this folder: Read-only file system" in message


def test_a_folder_without_permission_is_told(file, target):
    target.mkdir(0o500)
    if os.access(target, os.W_OK):
        pytest.skip("this user may write everywhere")
    assert "cannot make this folder: Permission denied" in refused(target, file)


def test_a_target_that_is_no_folder_is_told(file, target):
    target.write_text("a file")
    assert refused(target, file) == f"data.move_files_temp: cannot copy to {target}: File exists ({target})"
    below = target / "below"
    assert refused(below, file).startswith(f"data.move_files_temp: cannot copy to {below}: Not a directory")
    assert target.read_text() == "a file"


def test_a_source_that_is_not_there_is_told(file, target):
    missing = file.with_name("no.h5")
    assert (
        refused(target, file, missing) == f"{missing}: cannot be read for staging: No such file or directory"
    )
    assert left_in(target) == []


def test_a_source_without_permission_is_told(file, target):
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("this user may read everything")
    assert refused(target, file) == f"{file}: cannot be read: Permission denied"
    assert left_in(target) == []


def test_what_is_neither_file_nor_folder_is_refused(store, target):
    os.mkfifo(store / "inner" / "pipe")
    message = refused(target, store)
    assert message == f"{store}/inner/pipe: neither a file nor a folder: it cannot be staged"


def test_a_link_to_a_folder_in_a_folder_is_refused(store, file, target):
    (store / "link").symlink_to(file.parent)
    assert refused(target, store).startswith(f"{store}/link: links to folders are not staged")


def test_a_source_that_changes_meanwhile_is_refused(file, target, during):
    during("copy", lambda: file.write_bytes(b"changed"))
    with pytest.raises(RunError, match=rf"{file}: this file changed .*100000 bytes before, now 7"):
        Copy().stage([file], target).__enter__()
    assert left_in(target) == []
    assert content(file) == {"": b"changed"}


@pytest.mark.parametrize("phase", ["copy", "verify"])
def test_a_copy_that_another_process_deletes_is_noticed(store, target, during, phase):
    during(phase, lambda: subprocess.run(["rm", *map(str, copies_in(target, "a"))], check=True))
    message = refused(target, store)
    assert re.search(
        r"/store/a: cannot be read: No such file|removed a part of this copy of .*/store$", message
    )
    assert left_in(target) == []


def test_a_copy_that_another_process_deletes_is_noticed_without_verifying(store, target, during):
    during("copy", lambda: subprocess.run(["rm", *map(str, copies_in(target, "a"))], check=True))
    assert "another process removed a part of this copy" in refused(target, store, verify=False)
    assert left_in(target) == []


def test_a_folder_that_another_process_deletes_is_noticed(store, target, during):
    during("copy", lambda: subprocess.run(["rm", "-r", *map(str, target.glob("*/.*.part"))], check=True))
    message = refused(target, store)
    assert message.startswith(f"data.move_files_temp: cannot copy to {target}: No such file or directory (")
    assert message.endswith("did another process remove it?")
    assert left_in(target) == []


def test_a_copy_that_another_process_truncates_is_noticed(file, target, during):
    during("copy", lambda: os.truncate(copies_in(target, "jets.h5")[0], 10))
    message = refused(target, file)
    assert f"this copy of {file} has 10 bytes with checksum" in message
    assert "instead of 100000 with" in message
    assert left_in(target) == []


def test_a_byte_that_is_not_what_was_read_is_noticed_by_verifying_alone(file, target, during):
    def flip() -> None:
        with copies_in(target, "jets.h5")[0].open("r+b") as copy:
            first = copy.read(1)
            copy.seek(0)
            copy.write(bytes([first[0] ^ 1]))

    during("copy", flip)
    assert "this copy of" in refused(target, file)
    during("copy", flip)
    with Copy(verify=False).stage([file], target) as (copy,):
        assert content(copy) != content(file)
    assert left_in(target) == []


def test_a_shared_copy_that_is_no_longer_whole_is_made_again(store, target):
    with Copy().stage([store], target) as (copy,):
        os.truncate(copy / "a", 10)
        with Copy().stage([store], target) as (again,):
            assert content(again) == content(store)
    assert left_in(target) == []


@pytest.mark.parametrize("planted", ["link", "open"])
def test_a_planted_folder_is_refused(file, target, tmp_path, planted):
    target.mkdir()
    root = target / f"salt-staging-{os.geteuid()}"
    (tmp_path / "trap").mkdir()
    if planted == "link":
        root.symlink_to(tmp_path / "trap")
    else:
        root.mkdir()
        root.chmod(0o777)
    message = refused(target, file)
    assert message.startswith(f"data.move_files_temp: {root}: ")
    assert ("is a symbolic link" if planted == "link" else "others may write there") in message
    assert list(root.iterdir()) == []


def test_an_interruption_midway_leaves_nothing(file, store, target, stager):
    interrupted = stager(file, store, pause=True)
    interrupted.says("copying")
    interrupted.go()
    interrupted.says("copying")
    interrupted.go()
    interrupted.says("copying")  # the first file is done, the second one half
    assert copies_in(target, "a") != []
    interrupted.end_by(signal.SIGINT)
    assert left_in(target) == []


@pytest.mark.parametrize("pause", [True, False])
def test_after_a_kill_the_guardian_removes_all(file, target, stager, pause):
    killed = stager(file, pause=pause)
    killed.says("copying" if pause else "staged")
    killed.end_by(signal.SIGKILL)
    until(lambda: list(target.iterdir()) == [])


@pytest.mark.parametrize("pause", [True, False])
def test_after_a_kill_of_all_the_next_run_removes_what_was_left(
    file, store, target, stager, kill_guardians, pause
):
    killed = stager(file, pause=pause)
    killed.says("copying" if pause else "staged")
    kill_guardians()
    killed.end_by(signal.SIGKILL)
    assert copies_in(target, "jets.h5") != []
    with Copy().stage([store], target) as (copy,):
        assert copies_in(target, "jets.h5") == []
        assert content(copy) == content(store)
    assert left_in(target) == []


def kill_and_stage_again(moments: random.Random, target: Path, stager, kill_guardians, files) -> None:
    """Kill a process that stages, at a random moment, and half of the times its guardian."""
    start = time.monotonic()
    whole = stager(*files)
    whole.says("staged")
    duration = 1.2 * (time.monotonic() - start)
    whole.go()
    whole.says("left")
    killed = stager(*files)
    time.sleep(moments.uniform(0, duration))
    if moments.random() < 0.5:
        killed.process.send_signal(signal.SIGSTOP)
        kill_guardians()
    killed.end_by(signal.SIGKILL)
    with Copy().stage(files, target) as copies:
        assert [content(copy) for copy in copies] == [content(path) for path in files]
        assert Shelf(target / f"salt-staging-{os.geteuid()}", keep=False).clean() == []
    assert left_in(target) == []


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.full)])
def test_a_kill_at_any_moment_leaves_the_next_run_whole(times, file, store, target, stager, kill_guardians):
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it where the test fails
    moments = random.Random(SEED)
    for _ in range(times):
        kill_and_stage_again(moments, target, stager, kill_guardians, [file, store])

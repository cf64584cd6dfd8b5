"""Staging that cannot be, or goes wrong midway: one message, and nothing is left."""

from __future__ import annotations

import errno
import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from copies import content, copies_in, left_in
from mounts import mounted

from salt_core import RunError
from salt_plugins.staging.copy import copying, staging
from salt_plugins.staging.copy.staging import Copy


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


def test_too_little_room_is_said_before_the_first_byte(file, store, target, monkeypatch):
    written = []
    monkeypatch.setattr(staging, "copy_source", lambda *words: written.append(words))
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=200, f_bfree=900, f_frsize=1000))
    message = refused(target, file, store)
    assert message.startswith("data.move_files_temp: too little room: 250 KB (250000 bytes) are to be copied")
    assert f"to {target}, which has 200 KB (200000 bytes) left" in message
    assert written == []
    assert left_in(target) == []


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

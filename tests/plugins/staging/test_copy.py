"""Staging by copies: what is given out, what is shared, and which room it needs."""

from __future__ import annotations

import logging
import os
import re
import threading

import pytest
from copies import content, copies_in, left_in

from salt_plugins.staging.copy.source import look_at
from salt_plugins.staging.copy.staging import Copy


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


def test_a_shared_copy_that_is_no_longer_whole_is_made_again(store, target):
    with Copy().stage([store], target) as (copy,):
        os.truncate(copy / "a", 10)
        with Copy().stage([store], target) as (again,):
            assert content(again) == content(store)
    assert left_in(target) == []

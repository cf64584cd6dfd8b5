"""`check_staging` sees each clause that is broken."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from salt_core import Staging
from salt_core.testing import check_staging


class Right(Staging):
    """Copies files into a folder of their own."""

    @contextmanager
    def stage(self, files, target):
        with tempfile.TemporaryDirectory(dir=target) as folder:
            yield [self.copied(file, Path(folder, f"{number}")) for number, file in enumerate(files)]

    def copied(self, file, place):
        shutil.copy(file, place)
        return place


class Fails(Right):
    def copied(self, file, place):
        raise OSError("no room")


class Backwards(Right):
    @contextmanager
    def stage(self, files, target):
        with super().stage(files, target) as copies:
            yield copies[::-1]


class CopiesNothing(Right):
    def copied(self, file, place):
        return file


class OneName(Right):
    def copied(self, file, place):
        return super().copied(file, place.with_name("jets.h5"))


class Stays(Right):
    @contextmanager
    def stage(self, files, target):
        yield [self.copied(file, target / f"{file.parent.name}") for file in files]


class StaysAfterError(Right):
    @contextmanager
    def stage(self, files, target):
        copies = [self.copied(file, target / f"{file.parent.name}") for file in files]
        yield copies
        for copy in copies:
            copy.unlink()


class SwallowsErrors(Right):
    @contextmanager
    def stage(self, files, target):
        with super().stage(files, target) as copies, suppress(Exception):
            yield copies


class Moves(Right):
    @contextmanager
    def stage(self, files, target):
        with super().stage(files, target) as copies:
            yield copies
        for file in files:
            file.write_bytes(b"")


class Once(Right):
    times = 0

    @contextmanager
    def stage(self, files, target):
        self.times += 1
        if self.times > 2:
            raise RuntimeError("once is enough")
        with super().stage(files, target) as copies:
            yield copies


@pytest.mark.parametrize(
    ("staging", "clause", "seen"),
    [
        (Fails(), "stage(files, target) is entered and left", "it raised OSError: no room"),
        (Backwards(), "one copy for each file, in their order", "sample 0/jets.h5"),
        (CopiesNothing(), "the copies lie below target", "jets.h5 does not"),
        (OneName(), "each in a place of its own", "two files have the same copy"),
        (Stays(), "leaving removes the copies", "is still there"),
        (StaysAfterError(), "removed where a training ends with an error", "is still there"),
        (SwallowsErrors(), "which passes", "the error does not pass"),
        (Moves(), "the files themselves stay as they are", "sample 1/jets.h5 has another content"),
        (Once(), "it can be used again", "it raised RuntimeError: once is enough"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Staging) else "",
)
def test_a_broken_clause_is_told(staging, clause, seen, broken, tmp_path):
    clauses = broken(lambda: check_staging(staging, tmp_path))
    assert any(clause in told and seen in told for told in clauses), clauses


def test_copies_in_another_order_are_no_changed_files(broken, tmp_path):
    (clause,) = broken(lambda: check_staging(Backwards(), tmp_path))
    assert clause.startswith("there is one copy for each file")


def test_a_right_one_passes(tmp_path):
    check_staging(Right(), tmp_path)


def test_folders_are_asked_for(tmp_path, broken):
    assert "IsADirectoryError" in broken(lambda: check_staging(Right(), tmp_path, folders=True))[0]

"""Which staging copies files to a folder, and where they are read then."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.data.staging import Stage, staging_for
from salt_core.errors import ConfigError
from salt_plugins.staging.copy.staging import Copy

ANY, DISK, MEMORY = Copy(), Copy(), Copy()
PLACES = {"/": DISK, "/dev/shm": MEMORY}


def test_what_was_chosen_copies_wherever_the_folder_is():
    assert staging_for(Path("/dev/shm/jets"), ANY, PLACES) is ANY


def test_the_innermost_place_around_the_folder_counts():
    assert staging_for(Path("/dev/shm/jets"), None, PLACES) is MEMORY
    assert staging_for(Path("/dev/shm2"), None, PLACES) is DISK


def test_a_folder_in_no_place_is_refused_with_the_places():
    with pytest.raises(ConfigError, match=r"copied to /tmp; data\.staging_places has /dev/shm") as told:
        staging_for(Path("/tmp"), None, {"/dev/shm": MEMORY})
    assert told.value.where == "data.staging"


def test_files_are_read_from_their_copies_for_the_time_of_the_context(tmp_path):
    file = tmp_path / "train.h5"
    file.write_bytes(b"jets")
    with Stage(tmp_path / "fast", None, {str(tmp_path): DISK}).copies([file]) as copy_of:
        assert copy_of[file].read_bytes() == b"jets"
        assert copy_of[file].is_relative_to(tmp_path / "fast")
    assert not copy_of[file].exists()


def test_without_a_folder_files_are_read_where_they_lie():
    with Stage().copies([Path("train.h5")]) as copy_of:
        assert copy_of == {Path("train.h5"): Path("train.h5")}

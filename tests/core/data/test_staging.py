from pathlib import Path

import pytest

from salt_core.data.staging import staging_for
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

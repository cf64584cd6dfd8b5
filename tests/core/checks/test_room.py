"""Room for what a run writes: sizes that add up on one disk."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from salt_core.checks.room import check_room, checkpoints_kept
from salt_core.errors import ConfigError

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch):
    """Have 1000 bytes left on every disk."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2000, 1000, 1000))


def test_each_alone_fits_but_not_both(free, tmp_path):
    check_room({("a", tmp_path): 600})
    with pytest.raises(ConfigError, match=r"b: 1.2 KB will be needed on the disk of .*, 1 KB are free"):
        check_room({("a", tmp_path / "x"): 600, ("b", tmp_path / "y" / "z"): 600})


def test_a_folder_below_a_file(free, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"a: .* cannot be written"):
        check_room({("a", tmp_path / "file" / "logs"): 1})


def test_as_many_checkpoints_as_are_kept():
    # Two between steps, and one that is being written.
    assert checkpoints_kept([], 5) == 3
    assert checkpoints_kept([ModelCheckpoint(save_top_k=2, monitor="a", save_last=True)], 5) == 6
    assert checkpoints_kept([ModelCheckpoint(save_top_k=-1)], 5) == 8
    assert checkpoints_kept([ModelCheckpoint(save_top_k=-1)], None) == 4

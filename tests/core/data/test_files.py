"""Samples of several files: lists and wildcards."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.data.files import expand, names_of
from salt_core.errors import ConfigError


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("b_2.h5", "b_10.h5", "a.h5", "odd[1].h5", "sub/b_3.h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(found, folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in found]


@pytest.mark.parametrize(
    ("patterns", "files"),
    [
        (["a.h5"], ["a.h5"]),
        (["b_*.h5"], ["b_10.h5", "b_2.h5"]),
        (["sub/b_3.h5", "b_?.h5", "a.h5"], ["sub/b_3.h5", "b_2.h5", "a.h5"]),
        (["*/b_3.h5"], ["sub/b_3.h5"]),
        (["odd[1].h5"], ["odd[1].h5"]),
        (["[ab]*.h5"], ["a.h5", "b_10.h5", "b_2.h5"]),
        (["**/b_3.h5"], ["sub/b_3.h5"]),
        (["missing.h5"], ["missing.h5"]),
    ],
)
def test_wildcards_are_sorted_in_their_place(folder, patterns, files):
    assert names(expand([folder / pattern for pattern in patterns]), folder) == files


def test_relative_wildcards(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert expand([Path("b_*.h5")]) == (Path("b_10.h5"), Path("b_2.h5"))


def test_nothing_fits(folder):
    with pytest.raises(ConfigError, match=r"^data\.train_file: no file fits .*/c_\*\.h5$"):
        expand([folder / "a.h5", folder / "c_*.h5"], "data.train_file")


def test_an_empty_list():
    with pytest.raises(ConfigError, match=r"^data\.val_file: an empty list of files; name one at least$"):
        expand([], "data.val_file")


def test_a_file_twice(folder):
    with pytest.raises(ConfigError, match=r"^data\.train_file: named more than once: .*/a\.h5$"):
        expand([folder / "a.h5", folder / "b_2.h5", folder / "a*.h5"], "data.train_file")


def test_names_in_messages(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names_of([folder / "a.h5"]) == "a.h5"
    assert names_of([folder / "a.h5", folder / "b", folder / "c"]) == "a.h5 and 2 more"

"""What pages say of the repository is true: files and rooms that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: A page may name what does not exist: a backend that somebody could write.
WOULD_BE = ("salt_plugins/batch/pbs/", "tests/plugins/batch/pbs/")


def paths_named(text: str) -> list[str]:
    found = re.findall(r"`((?:salt_core|salt_plugins|tests|docs|benchmarks|examples|submit)/[\w./-]*)`", text)
    return [path for path in found if not path.startswith(WOULD_BE)]


@pytest.mark.parametrize("page", ["architecture", "contributing"])
def test_files_that_a_page_names_are_there(page):
    named = paths_named((DOCS / f"{page}.md").read_text())
    assert named != []
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_table_of_rooms_has_all():
    page = (DOCS / "architecture.md").read_text()
    told = {
        name
        for row in re.findall(r"^\| (`.+?) \|", page, re.MULTILINE)
        for name in re.findall(r"`(.+?)/`", row)
    }
    rooms = {
        path.name for path in (ROOT / "salt_core").iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    assert told == rooms


def test_the_picture_has_every_kind_of_plugin():
    from salt_core.kinds import KINDS

    titles = re.findall(r'class="t">([^<]+)<', (DOCS / "images" / "architecture.svg").read_text())
    assert {kind.name for kind in KINDS} <= set(titles)


def test_commands_for_contributors_are_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([\w-]+)", (DOCS / "contributing.md").read_text()))
    assert {"install", "test", "test-full", "docs"} <= named
    assert named <= targets


def test_a_pooling_needs_its_names_in_one_file_alone():
    """The first example of contributing.md: encoders do not list poolings themselves."""
    sources = [*(ROOT / "salt_core").rglob("*.py"), *(ROOT / "salt_plugins" / "encoders").rglob("*.py")]
    listing = [
        path.relative_to(ROOT).as_posix()
        for path in sources
        if re.search(r"\bMaxPooling\b", path.read_text())
    ]
    assert listing == ["salt_core/nn/pooling.py"]

"""docs/tutorial.md, followed to the letter: what it says to save is saved, what it says to run is run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
PROGRAMS = Path(sys.executable).parent
IN_THE_CLONE = 2
"""The first blocks are for the clone; the rest happens in an empty folder."""


class Block(NamedTuple):
    """A piece of code of the page; one with a title is a file to be saved."""

    language: str
    title: str
    code: str


BLOCKS = [
    Block(*found)
    for found in re.findall(
        r'^```(\w+)(?: title="(.+?)")?\n(.*?)^```', PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
]


def save_files(folder: Path) -> None:
    for block in BLOCKS:
        if block.title:
            (folder / block.title).write_text(block.code)


def run(program: list[str], folder: Path) -> str:
    environment = os.environ | {
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "2",
    }
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands() -> list[list[str]]:
    code = "".join(block.code for block in BLOCKS[IN_THE_CLONE:] if block.language == "bash")
    return [shlex.split(line) for line in code.splitlines()]


def test_every_block_is_a_file_or_runs():
    assert len(BLOCKS) == PAGE.read_text().count("\n```") / 2
    assert [block.language for block in BLOCKS if not block.title and block.language != "bash"] == ["python"]
    assert {block.title for block in BLOCKS} == {"", "tagger.yaml", "poly.py", "poly.yaml"}
    assert [block.code.split()[0] for block in BLOCKS[:IN_THE_CLONE]] == ["make", "."]
    assert {words[0] for words in commands()} == {"salt"}


def test_the_configurations_are_sound(salt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_files(tmp_path)
    before = [words for words in commands() if words[1] == "data"]
    trainings = [words for words in commands() if words[1] == "fit"]
    assert (len(before), len(trainings)) == (2, 3)
    for words in before:
        assert salt(*words[1:]).code == 0
    for words in trainings[2:]:
        done = salt("check", *words[2:], "--force", "--data.num_train", 200, "--data.num_val", 200)
        assert done.code == 0, done.err


@pytest.mark.full
def test_the_demo_runs(tmp_path):
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    words = shlex.split(BLOCKS[0].code)
    told = run([*words, "-f", str(ROOT / "Makefile"), "-o", "install", f"BIN={PROGRAMS}"], tmp_path)
    assert "report/report.html" in told.splitlines()[-1]
    (report,) = tmp_path.glob("logs/*/report/report.html")
    assert report.parents[1].name in told.splitlines()[-1]


@pytest.mark.full
def test_a_tagger_of_one_s_own(tmp_path):
    for block in BLOCKS[IN_THE_CLONE:]:
        if block.title:
            (tmp_path / block.title).write_text(block.code)
        elif block.language == "bash":
            # The working tree under test, where salt is installed from, may hold uncommitted changes.
            code = re.sub(r"^salt (fit|check)", r"\g<0> --force", block.code, flags=re.MULTILINE)
            run(["bash", "-euc", code], tmp_path)
        else:
            share = float(run([sys.executable, "-c", block.code], tmp_path))
            assert 0.1 < share < 0.6
    runs = {path.name for path in (tmp_path / "logs").iterdir()}
    assert runs == {"MyTagger_first", "MyTagger_alone", "MyTagger_poly"}
    assert (tmp_path / "logs" / "MyTagger_first" / "report" / "report.html").is_file()
    assert (tmp_path / "logs" / "MyTagger_poly" / "plugins" / "poly.py").is_file()
    assert all(name in (tmp_path / "compared" / "report.html").read_text() for name in runs)

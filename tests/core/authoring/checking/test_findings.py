"""What was found, as lines."""

from __future__ import annotations

from salt_core.authoring.checking.findings import Finding, place, report


def test_mistakes_are_numbered_each_told_once_and_notes_follow():
    wrong = Finding("loss.py:3", "Loss(scale)", "has no type")
    long = Finding("pyproject.toml", "", "is wrong\nand goes on")
    assert report("mine 1.0", [wrong, long, wrong], ["task x", "task x"]).splitlines() == [
        "mine 1.0: 2 mistakes",
        "  1. loss.py:3: Loss(scale): has no type",
        "  2. pyproject.toml: is wrong",
        "     and goes on",
        "  not tried: task x",
    ]


def test_one_mistake_and_none():
    assert report("mine 1.0", [Finding("a", "b", "c")], []).startswith("mine 1.0: 1 mistake\n")
    assert report("mine 1.0", [], []) == "mine 1.0: no mistake found"


def test_a_place_is_told_from_the_current_folder_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place(str(tmp_path / "src" / "loss.py"), 3) == "src/loss.py:3"
    assert place("/elsewhere/loss.py") == "/elsewhere/loss.py"
    assert place(None) == "?"

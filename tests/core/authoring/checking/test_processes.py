"""Processes that look at packages: what they import, and how they end."""

from __future__ import annotations

import os
import sys

import pytest

from salt_core.authoring.checking import processes
from salt_core.authoring.checking.processes import answers, heavy_imports, last_line, salt
from salt_core.authoring.checking.request import Request

REQUEST = Request(
    "salt-plugin-planted", "0.3.0", {"mine": "planted"}, "pyproject.toml", "trials", options={"size": 3}
)


@pytest.mark.parametrize(
    ("source", "heavy"),
    [
        ("import json", []),
        ("print('numpy')\nimport numpy\nprint('hello')", ["numpy"]),
        ("import numpy, no_such_module", []),
        ("raise SystemExit(3)", []),
    ],
)
def test_heavy_imports_are_named(tmp_path, source, heavy):
    (tmp_path / "planted.py").write_text(source)
    assert heavy_imports("planted", os.environ | {"PYTHONPATH": str(tmp_path)}, tmp_path) == heavy


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a script of a shell in the place of Python."""

    def write(body: str) -> None:
        script = tmp_path / "python"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))

    return write


def test_answers_are_read_line_by_line_and_the_request_is_written(program, tmp_path):
    program("""echo '{"progress": "loss"}'; echo '{"unused": [], "done": true}'""")
    assert list(answers(REQUEST, tmp_path, os.environ)) == [
        {"progress": "loss"},
        {"unused": [], "done": True},
    ]
    assert Request.read(tmp_path / "request.json") == REQUEST


def test_an_end_before_its_time_is_told_with_the_last_line(program, tmp_path):
    program("""echo '{"progress": "loss"}'; echo no room >&2; echo >&2; exit 3""")
    assert list(answers(REQUEST, tmp_path, os.environ)) == [
        {"progress": "loss"},
        {"ended": 3, "said": "no room"},
    ]


def test_a_step_that_takes_too_long_is_ended(program, tmp_path, monkeypatch):
    program("exec sleep 60")
    monkeypatch.setattr(processes, "PATIENCE", 0.05)
    done = salt(["fit"], os.environ, tmp_path)
    assert (done.returncode, "takes longer than 0.05 s" in done.stderr) == (1, True)


def test_the_last_line_is_one_that_says_something():
    assert (last_line("one\n two \n\n"), last_line("\n")) == ("two", "")

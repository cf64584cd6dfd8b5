"""A scheduler's programs: how they are called, and what is said where they fail."""

from __future__ import annotations

import sys

import pytest

from salt_core import RunError
from salt_core.submission.programs import output_of, run

SAY = "import os, sys; print(os.getcwd(), os.environ.get('X'), *sys.argv[1:])"


def test_a_program_gets_folder_environment_and_arguments_as_they_are(tmp_path):
    done = run([sys.executable, "-c", SAY, "a b", "$X"], "Any", tmp_path, {"X": "1"})
    assert output_of(done) == f"{tmp_path} 1 a b $X"


def test_a_program_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        RunError, match=r"^there is no qsub on this machine; is it one that submits to PBS\?$"
    ):
        run(["qsub"], "PBS")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_failure_is_told_in_the_programs_words(stream):
    failing = f"import sys; sys.{stream}.write('no\\n  queue\\n'); sys.exit(3)"
    with pytest.raises(RunError, match=r"failed with status 3: no queue$"):
        output_of(run([sys.executable, "-c", failing], "Any"))

"""The commands and the example of docs/export.md at work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from salt_plugins.commands.export.graph import PACKAGES

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
RUN = "20261125-T101500"


def code(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.full
def test_the_commands_and_the_example_run(sample, salt):
    for package in PACKAGES:
        pytest.importorskip(package, reason="needs the extra 'export'")
    assert salt("fit", "--config", sample.config, "--name", "GN2", "--log_suffix", RUN, "-f").code == 0
    export, with_names, batched, check, compared = (shlex.split(block)[1:] for block in code("sh"))
    # The second does what the first does, and more.
    assert with_names[: len(export)] == export
    for words in (with_names, batched, check):
        done = salt(*words, "--num_jets", 10)
        assert done.code == 0, done.err
    (example,) = code("python")
    names: dict[str, object] = {}
    exec(compile(example, str(PAGE), "exec"), names)
    assert {"GN2v01_pb", "GN2_pbc", "GN2_pc"} <= set(names["predicted"])
    assert names["predicted"]["GN2_VertexIndex"].shape == (3,)
    assert names["told"]["classes"]["flavour"] == ["bjets", "cjets", "ujets", "taus"]
    words = [compared[0], *(sample.file("val") for _ in range(2)), *compared[3:]]
    assert salt(*words).code == 0

"""The command of docs/evaluation.md that explains a model, at work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
RUN = "20261125-T101500"


def test_the_command_runs_and_writes_what_the_page_says(sample, salt):
    assert salt("fit", "--config", sample.config, "--name", "GN2", "--log_suffix", RUN, "-f").code == 0
    (block,) = re.findall(r"^```sh\n(salt explain .*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    done = salt(*shlex.split(block.replace("<time>", RUN))[1:], "--num_jets", 10)
    assert done.code == 0, done.err
    table, *_ = (Path("logs") / f"GN2_{RUN}" / "explain").glob("bjets.csv")
    columns = table.read_text().splitlines()[0].split(",")
    assert columns[2:4] == ["mean_abs", "mean_bjets"]
    assert all(f"`{column}`" in PAGE.read_text() for column in columns[2:4])

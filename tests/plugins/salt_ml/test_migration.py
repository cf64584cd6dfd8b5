"""The commands of docs/migration.md at work, and the names of its table."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from salt_core.registry import Registry

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "migration.md"


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [shlex.split(block)[1:] for block in blocks]


def test_the_commands_run(old_run, salt, tmp_path):
    for words in commands():
        told = [str(ROOT / "salt_core/demo/demo_test.h5") if word == "test.h5" else word for word in words]
        done = salt(*told)
        assert done.code == 0, done.err
    assert (tmp_path / "new.yaml").is_file()
    assert list(tmp_path.glob("logs/imported/ckpts/*test*.h5"))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("encoder", ["gn2"]),
        ("task", ["classification", "vertexing", "regression", "gaussian_regression"]),
        ("loss", ["cross_entropy"]),
        ("optimizer", ["muon"]),
        ("callback", ["checkpoint"]),
    ],
)
def test_plugins_of_the_table_are_there(kind, names):
    registry = Registry.discover()
    for name in names:
        assert registry.resolve(kind, name)
        assert name in PAGE.read_text()

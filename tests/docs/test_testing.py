"""The examples of docs/testing.md at work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from salt_core import testing
from salt_core.kinds import KINDS
from salt_core.testing import Breach

pytest_plugins = ["salt_core.testing.fixtures"]
TEXT = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
HOOK = """

@hookimpl
def salt_tasks():
    return {"displaced": Displaced}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def run(*sources: str) -> dict[str, object]:
    names: dict[str, object] = {}
    for source in sources:
        exec(compile(source, "testing.md", "exec"), names)
    return names


def test_the_examples_run(fresh_registry, tmp_path, monkeypatch):
    plugin, test, jets, found = blocks("python")
    run(plugin, test)["test_displaced"]()
    run(jets)
    monkeypatch.chdir(tmp_path)
    Path("my_head.py").write_text(plugin + HOOK)
    run(found)["test_it_is_found"](fresh_registry)


def test_the_message_is_what_is_shown():
    plugin, test, *_ = blocks("python")
    names = run(plugin.replace("return mean_over_ranks(values)", "return values.mean()"), test)
    with pytest.raises(Breach) as told:
        names["test_displaced"]()
    (shown,) = blocks("text")
    assert shown == f"{Breach.__module__}.{Breach.__name__}: {told.value}\n"


def test_every_kind_and_every_check_is_in_the_table():
    rows = re.findall(r"^\| (\w+) \| `(check_\w+)\(", TEXT, re.MULTILINE)
    assert [kind for kind, _ in rows] != []
    assert {kind for kind, _ in rows} == {kind.name for kind in KINDS}
    assert {check for _, check in rows} == {name for name in testing.__all__ if name.startswith("check_")}


#: How the examples of docs/hooks.md are checked; that of dataloaders reads nothing, so that it keeps to no file.
EXAMPLES = {
    ("salt_encoders", "encoder", "mean"): lambda cls, loss, folder: testing.check_encoder(cls(8)),
    ("salt_tasks", "task", "jet_regression"): lambda cls, loss, folder: testing.check_task(cls("pt", loss())),
    ("salt_losses", "loss", "absolute"): lambda cls, loss, folder: testing.check_loss(cls()),
    ("salt_staging", "staging", "scratch"): lambda cls, loss, folder: testing.check_staging(cls(), folder),
    ("salt_batch_backends", "batch", "pbs"): lambda cls, loss, folder: testing.check_batch_backend(cls()),
    ("salt_callbacks", "callback", "weight_norm"): lambda cls, loss, folder: testing.check_callback(cls()),
    ("salt_optimizers", "optimizer", "sgd"): lambda cls, loss, folder: testing.check_optimizer(cls()),
    ("salt_augmentations", "augmentation", "flip"): lambda cls, loss, folder: testing.check_augmentation(
        cls({"tracks": ["d0"]})
    ),
    ("salt_loggers", "logger", "lines"): lambda cls, loss, folder: testing.check_logger(cls(), folder),
}


@pytest.mark.parametrize("example_of", EXAMPLES, ids=lambda one: one[1])
def test_the_examples_of_hooks_keep_their_contracts(example_of, example_class, tmp_path):
    loss = example_class("salt_losses", "loss", "absolute")
    (tmp_path / "empty").mkdir()
    EXAMPLES[example_of](example_class(*example_of), loss, tmp_path / "empty")


def test_what_the_package_exports_is_there():
    assert all(getattr(testing, name) is not None for name in testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'check_tusk'"):
        _ = testing.check_tusk

"""What the look from inside tells is taken, and modules that take long to import are told."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from salt_core.authoring.checking import flow
from salt_core.authoring.checking.findings import Finding
from salt_core.authoring.checking.flow import Found, Module, check_plugins
from salt_core.authoring.checking.trial import Trial

FINDING = Finding("loss.py:3", "Loss", "is wrong")
TRIAL = Trial("loss l2", "loss.py:3", {"model": {"tasks": {}}})


@pytest.fixture
def answered(package, monkeypatch):
    """Look at a package, of which the process inside tells what is given; return exit code, result and progress."""

    def run(*answers: dict[str, object], heavy: str = "", options: tuple[str, ...] = ()):
        folder = package({"planted/__init__.py": ""}, {"planted": "planted"})
        monkeypatch.setattr(flow, "answers", lambda request, folder, environment: iter(answers))
        monkeypatch.setattr(flow, "heavy_imports", lambda module, *more: ["torch"] if module == heavy else [])
        result, progress = [], []
        code = check_plugins(str(folder), options, True, result.append, progress.append)
        return code, result, progress

    return run


def test_answers_are_told(answered):
    answers = [
        {"progress": "loss l2: class"},
        {"finding": asdict(FINDING)},
        {"note": "loss l1, which needs options"},
    ]
    code, (result,), progress = answered(*answers, {"finding": asdict(FINDING)}, {"unused": [], "done": True})
    assert code == 1
    assert result.splitlines() == [
        "salt-plugin-planted 0.3.0: 1 mistake",
        "  1. loss.py:3: Loss: is wrong",
        "  not tried: loss l1, which needs options",
    ]
    assert progress == [
        "salt-plugin-planted 0.3.0: loss l2: class",
        "salt-plugin-planted 0.3.0: imports of planted",
    ]


def test_a_process_that_ends_early_is_told_with_what_it_did(answered):
    code, (result,), _ = answered(
        {"progress": "loss l2: contract"}, {"ended": -11, "said": "Segmentation fault"}
    )
    assert code == 1
    said = "loss l2: contract: ends the process that imports it, with -11: Segmentation fault"
    assert said in result


def test_no_mistake_is_exit_code_0(answered):
    assert answered({"unused": [], "done": True})[:2] == (0, ["salt-plugin-planted 0.3.0: no mistake found"])


@pytest.mark.parametrize(
    ("heavy", "told"),
    [
        ("planted", "entry point planted: importing planted imports torch"),
        ("planted.batch", "batch.py:1: batch mine: importing planted.batch imports torch"),
    ],
)
def test_a_module_that_takes_long_to_import_is_told(answered, heavy, told):
    module = Module("planted.batch", "batch.py:1", "batch mine")
    code, (result,), _ = answered({"module": asdict(module)}, heavy=heavy)
    assert code == 1
    assert told in result


def test_an_option_that_nothing_has_is_refused_where_nothing_else_is_wrong(answered):
    answer = {"unused": ["sacle"], "done": True}
    with pytest.raises(flow.ConfigError, match="--option: no plugin has such an option: sacle"):
        answered(answer, options=("sacle=2",))
    assert answered({"finding": asdict(FINDING)}, answer, options=("sacle=2",))[0] == 1


def test_a_trial_is_taken_as_it_was_told():
    found = Found()
    found.take({"trial": asdict(TRIAL)}, "pyproject.toml", print)
    assert found.trials == [TRIAL]

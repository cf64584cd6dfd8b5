"""Problems are told once, and consequences not at all."""

from __future__ import annotations

import pytest

from salt_core.checks.report import Report, key_path
from salt_core.errors import ConfigError, DataError, Faults


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("--model.encoder.num_layers", ("model", "encoder", "num_layers")),
        ("model.tasks.a (b.yaml)", ("model", "tasks", "a")),
        ("model.tasks.a, loss", ("model", "tasks", "a")),
        ("model.tasks.a or model.tasks.b", ("model", "tasks", "a")),
        ("--model.encoder:1:3", ("model", "encoder")),
        ("model.tasks.a.label_map.5", ("model", "tasks", "a", "label_map", 5)),
        ("", ()),
    ],
)
def test_key_path(where, path):
    assert key_path(ConfigError("wrong", where)) == path


def test_a_problem_is_told_once_also_out_of_several():
    report = Report()
    one, two = ConfigError("wrong", "data.a"), DataError("bad", "data.b")
    report.add(one)
    report.add(Faults([one, two]))
    assert report.problems == [one, two]


def test_what_follows_from_something_mended_is_left_out():
    report = Report(mended=[("data", "train_file")])
    report.add(ConfigError("not set", "data.train_file"))
    report.add(ConfigError("not set", "data.val_file"))
    assert [one.where for one in report.problems] == ["data.val_file"]


def test_an_exception_that_nobody_foresaw_is_a_problem_too():
    report = Report()
    with report.collecting("model", "the first step"):
        raise ZeroDivisionError("by nothing")
    (found,) = report.to_plain()
    assert found["kind"] == "unforeseen"
    assert found["where"] == "model"
    assert "the first step fails" in found["message"]
    assert "ZeroDivisionError: by nothing" in found["message"]
    assert isinstance(report.problems[0].__cause__, ZeroDivisionError)


def test_an_interruption_passes():
    with pytest.raises(KeyboardInterrupt), Report().collecting():
        raise KeyboardInterrupt

"""The table of rejections after an evaluation."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from salt_core.errors import ConfigError
from salt_plugins.callbacks.rejection.callback import Rejection


def test_an_efficiency_that_is_none():
    with pytest.raises(ConfigError, match="efficiency"):
        Rejection(efficiency=1.5)


class Head:
    """A task that tells classes apart, some of whose labels it puts together."""

    def __init__(self, names, true=None):
        self.class_names, self._true = names, true

    def true_classes(self, batch):
        return self._true


def started(heads, **options) -> Rejection:
    callback = Rejection(**options)
    callback.on_test_start(None, SimpleNamespace(heads=heads))
    return callback


def test_a_model_without_classes_is_passed_over(caplog):
    with caplog.at_level("INFO", "salt.rejection"):
        callback = started({"pt": Head(())})
    assert "no task tells classes apart" in caplog.text
    callback.on_test_batch_end(None, None, {}, SimpleNamespace(global_object="jets"), 0)
    callback.on_test_end(None, None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"task": "flavor"}, "no task 'flavor' tells classes apart; did you mean 'flavour'"),
        ({"task": "origin"}, "no class 'bjets'"),
        ({"signal": "bjet"}, "no class 'bjet'; did you mean 'bjets'"),
        ({"fractions": {"charm": 0.1}}, "no class 'charm'"),
    ],
)
def test_classes_and_tasks_that_there_are_not(options, said):
    heads = {"pt": Head(()), "origin": Head(("pileup", "primary")), "flavour": Head(("bjets", "cjets"))}
    with pytest.raises(ConfigError, match=said):
        started(heads, **{"fractions": {}, **options})


def test_the_classes_are_those_of_the_task_and_jets_without_one_do_not_count():
    truth = torch.tensor([0, 0, 1, 1, -1, 1, 1])
    score = torch.tensor([0.9, 0.8, 0.85, 0.1, 0.99, 0.2, 0.3])
    callback = started({"flavour": Head(("bjets", "others"), truth)}, fractions={}, efficiency=0.9)
    outputs = {"jets": {"pb": score, "pother": 1 - score}}
    callback.on_test_batch_end(None, None, outputs, SimpleNamespace(global_object="jets"), 0)
    (found,) = callback.separations().values()
    assert (found.jets, found.rejection, found.auc) == (4, 4.0, pytest.approx(7 / 8))


def test_the_table_is_told_after_an_evaluation(sample, salt, the_run):
    words = ("--trainer.callbacks.rejection", "rejection", "-f")
    assert salt("fit", "--config", sample.config, *words).code == 0
    done = salt("test", "--config", the_run(sample.folder) / "config.yaml")
    assert done.code == 0, done.err
    for background in ("cjets", "ujets", "taus"):
        assert f"  {background} " in done.err

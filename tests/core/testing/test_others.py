"""`check_callback`, `check_logger` and `check_command` see each clause that is broken, and fixtures work."""

from __future__ import annotations

import click
import pytest
from lightning.pytorch import Callback
from lightning.pytorch.loggers import CSVLogger, Logger

from salt_core.interfaces.logger import RunLogger
from salt_core.testing import check_callback, check_command, check_logger

pytest_plugins = ["salt_core.testing.fixtures"]


class Counter(Callback):
    """Counts steps."""

    def __init__(self):
        self.steps = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.steps += 1

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state_dict):
        self.steps = state_dict["steps"]


class TooFew(Counter):
    def on_train_batch_end(self, trainer, pl_module):
        pass


class Misspelt(Counter):
    def on_train_batch_ends(self, trainer, pl_module):
        pass


class MisspeltBelow(Misspelt):
    """Has it of a class of its own."""


class LosesState(Counter):
    def load_state_dict(self, state_dict):
        self.steps = -1


class NoKey(Counter):
    state_key = ""


@pytest.mark.parametrize(
    ("callback", "clause", "seen"),
    [
        (
            TooFew(),
            "its methods take what Lightning gives",
            "on_train_batch_end takes trainer, pl_module, and is given",
        ),
        (
            Misspelt(),
            "there is no method that Lightning never calls",
            "on_train_batch_ends is none of Lightning's",
        ),
        (MisspeltBelow(), "there is no method that Lightning never calls", "on_train_batch_ends"),
        (LosesState(), "is the same state", "it was {'steps': 0} and is {'steps': -1}"),
        (NoKey(), "its state has a key of its own", "it is ''"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Callback) else "",
)
def test_a_broken_clause_of_a_callback_is_told(callback, clause, seen, broken):
    clauses = broken(lambda: check_callback(callback))
    assert any(clause in told and seen in told for told in clauses), clauses


def test_a_right_callback_passes():
    check_callback(Counter())


class Csv(RunLogger):
    """Lightning's own table."""

    needs = ("lightning", "lightning")

    def make(self, directory):
        return self.made(directory)

    def made(self, directory):
        return CSVLogger(directory, "table")


class NoNeeds(Csv):
    def __init__(self):
        super().__init__()
        self.needs = ("", "")


class NamedOddly(Csv):
    version = 1.5


class WritesEarly(Csv):
    def save(self):
        super().save()
        if self._made is None:
            self.folder.joinpath("early").touch()


class MakesNone(Csv):
    def make(self, directory):
        raise OSError("no tracker")


class Complains(Csv):
    def made(self, directory):
        class Strict(CSVLogger):
            def log_metrics(self, metrics, step=None):
                raise ValueError("no slash in a name")

        return Strict(directory)


class EndsBadly(Csv):
    def finalize(self, status):
        raise RuntimeError(status)


class NeedsStep(Csv):
    def log_metrics(self, metrics):
        pass


class OnlyFinite(Csv):
    def log_metrics(self, metrics, step=None):
        assert all(value == value for value in metrics.values()), "no number"


@pytest.mark.parametrize(
    ("logger", "clause", "seen"),
    [
        (NoNeeds(), "needs names the module", "it is ('', '')"),
        (NamedOddly(), "name and version are texts, numbers or None", "version is a float"),
        (WritesEarly(), "nothing is written before a run starts", "there is early"),
        (MakesNone(), "make gives a logger", "it raised ConfigError: trainer.logger: lightning: no tracker"),
        (Complains(), "takes every metric without complaint", "no slash in a name"),
        (NeedsStep(), "it takes metrics with their step", "it raised TypeError"),
        (OnlyFinite(), "metrics that are not finite", "no number"),
        (EndsBadly(), "ends however a run ends", "it raised RuntimeError: success"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Logger) else "",
)
def test_a_broken_clause_of_a_logger_is_told(logger, clause, seen, broken, tmp_path):
    logger.folder = tmp_path
    clauses = broken(lambda: check_logger(logger, tmp_path))
    assert any(clause in told and seen in told for told in clauses), clauses


def test_right_loggers_pass(tmp_path):
    check_logger(Csv(), tmp_path)
    check_logger(CSVLogger(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        (click.Command("count"), "salt count: a docstring says what it does: it has none"),
        (
            click.Command("count", help="Count.", params=[click.Option(["--all"])]),
            "salt count: every option has a help: --all has none",
        ),
        (
            click.Group("count", {"jets": click.Command("jets")}, help="Count."),
            "salt count jets: a docstring says what it does: it has none",
        ),
        (print, "it is a click command: it is a builtin_function_or_method"),
    ],
    ids=["no help", "an option", "a command of a group", "a function"],
)
def test_a_broken_clause_of_a_command_is_told(command, seen, broken):
    assert broken(lambda: check_command(command)) == [seen]


def test_a_right_command_passes():
    check_command(click.Command("count", help="Count.", params=[click.Option(["--all"], help="All.")]))


PLUGIN = """
from salt_core import Loss, hookimpl

class Zero(Loss):
    '''Nothing.'''
    def forward(self, predictions, targets):
        return predictions.sum() * 0

@hookimpl
def salt_losses():
    return {"zero": Zero}
"""


def test_fixtures(fresh_registry, salt_facts, salt_batch, salt_encoded, tmp_path):
    file = tmp_path / "zero.py"
    file.write_text(PLUGIN)
    assert fresh_registry(file).provider("loss", "zero").distribution == str(file)
    assert salt_facts.streams == ("tracks",)
    assert salt_batch.num_jets == 8
    assert salt_encoded.streams == {"tracks": 8}

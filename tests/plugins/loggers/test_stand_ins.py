"""What trackers are told, seen from small modules of our own that stand for their packages.

The packages are rarely installed where tests run. The modules here have as much of each as Lightning's logger
calls, and write down with what. That the real ones take it, `test_trackers.py` shows where they are installed.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from salt_core.errors import ConfigError
from salt_plugins.loggers.comet.logger import Comet
from salt_plugins.loggers.mlflow.logger import MLflow
from salt_plugins.loggers.wandb.logger import WeightsAndBiases

CONFIG = {"model": {"encoder": {"plugin": "gn2", "num_layers": 4}}, "data": {"batch_size": 500}}
OPTIONS = {"model.encoder.plugin": "gn2", "model.encoder.num_layers": 4, "data.batch_size": 500}


class Told:
    """What a tracker was told.

    Attributes
    ----------
    start : dict
        With what its run was started.
    options, metrics : dict
        The configuration, and the metrics by step.
    ended : str
        How the run was ended; empty before.
    """

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        self.metrics: dict[int, dict[str, float]] = {}
        self.ended = ""


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def stand_in(monkeypatch):
    """Put a module in the place of a package, and have Lightning find it installed."""

    def install(name: str, **content: Any) -> None:
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
        logger = {"comet_ml": "comet"}.get(name, name)
        flag = f"lightning.pytorch.loggers.{logger}._{logger.upper()}_AVAILABLE"
        if "." not in name:
            monkeypatch.setattr(flag, True)

    return install


@pytest.fixture
def comet(stand_in, told, monkeypatch):
    monkeypatch.setenv("COMET_DISABLE_AUTO_LOGGING", "1")  # which Lightning sets for good

    class Experiment:
        project_name = "salt"

        def get_key(self) -> str:
            return "key"

        def log_other(self, *_: object) -> None:
            pass

        def __internal_api__log_parameters__(self, parameters: dict[str, Any], **_: object) -> None:
            told.options.update(parameters)

        def __internal_api__log_metrics__(self, metrics: dict[str, float], step: int, **_: object) -> None:
            told.metrics[step] = metrics

        def flush(self) -> None:
            told.ended = "flushed"

        def end(self) -> None:
            told.ended = "ended"

    def start(**options: Any) -> Experiment:
        told.start.update(options)
        return Experiment()

    stand_in("comet_ml", start=start, ExperimentConfig=lambda **given: SimpleNamespace(**given))


@pytest.fixture
def wandb(stand_in, told, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "")  # which Lightning sets where a run is offline

    class Run:
        config = SimpleNamespace(update=lambda options, **_: told.options.update(options))

        def log(self, row: dict[str, float]) -> None:
            told.metrics[int(row.pop("trainer/global_step"))] = row

    def init(**options: Any) -> Run:
        told.start.update(options)
        return Run()

    stand_in("wandb", init=init, run=None)
    stand_in("wandb.sdk", lib=None)
    stand_in("wandb.sdk.lib", RunDisabled=Told)
    stand_in("wandb.wandb_run", Run=Told)


@pytest.fixture
def mlflow(stand_in, told):
    class Client:
        def __init__(self, uri: str) -> None:
            told.start["uri"] = uri

        def get_experiment_by_name(self, name: str) -> None:
            told.start["experiment"] = name

        def create_experiment(self, name: str, **_: object) -> str:
            return f"id of {name}"

        def create_run(self, experiment_id: str, tags: dict[str, str]) -> SimpleNamespace:
            told.start |= {"experiment_id": experiment_id, "tags": tags}
            return self.get_run("7")

        def get_run(self, run_id: str) -> SimpleNamespace:
            return SimpleNamespace(info=SimpleNamespace(run_id=run_id))

        def log_batch(self, run_id: str, params: list[Any] = (), metrics: list[Any] = ()) -> None:
            assert run_id == "7"
            told.options |= {param.key: param.value for param in params}
            for metric in metrics:
                told.metrics.setdefault(metric.step, {})[metric.key] = metric.value

        def set_terminated(self, run_id: str, status: str) -> None:
            told.ended = f"{run_id} {status}"

    stand_in("mlflow", set_tracking_uri=lambda uri: None)
    stand_in("mlflow.tracking", MlflowClient=Client, context=SimpleNamespace())
    stand_in("mlflow.entities", Param=SimpleNamespace, Metric=SimpleNamespace)
    stand_in("mlflow.utils", mlflow_tags=None)
    stand_in("mlflow.utils.mlflow_tags", MLFLOW_RUN_NAME="mlflow.runName")


def train(logger, run: Path) -> None:
    """Have a logger live through a run of two steps."""
    logger.enter(run, CONFIG)
    for step, loss in enumerate((0.5, 0.25)):
        logger.log_metrics({"val/loss": loss}, step)
    logger.save()
    logger.finalize("success")


RUN = Path("logs", "GN2_1")
METRICS = {0: {"val/loss": 0.5}, 1: {"val/loss": 0.25}}


@pytest.mark.usefixtures("comet")
def test_comet_is_told_of_a_run(told):
    train(Comet(project="tagging", workspace="ours"), RUN)
    given = {key: told.start[key] for key in ("project", "workspace", "online")}
    assert given == {"project": "tagging", "workspace": "ours", "online": True}
    assert (told.options, told.metrics, told.ended) == (OPTIONS, METRICS, "ended")


@pytest.mark.usefixtures("comet")
def test_comet_keeps_a_run_that_is_not_online_in_the_run_s_folder(told):
    """Lightning's own logger makes such an experiment with ``disabled=True``, which keeps nothing."""
    train(Comet(online=False), RUN)
    assert told.start["online"] is False
    assert vars(told.start["experiment_config"]) == {"name": "GN2_1", "offline_directory": "logs/GN2_1/comet"}


@pytest.mark.usefixtures("comet")
def test_comet_has_nothing_to_end_before_a_run(told):
    Comet().finalize("failed")
    assert told.ended == ""


@pytest.mark.usefixtures("wandb")
@pytest.mark.parametrize(("offline", "mode"), [(False, ""), (True, "dryrun")])
def test_weights_and_biases_is_told_of_a_run(told, offline, mode, monkeypatch):
    train(WeightsAndBiases(project="tagging", entity="us", offline=offline), RUN)
    expected = {"name": "GN2_1", "dir": "logs/GN2_1", "project": "tagging", "entity": "us"}
    assert {key: told.start[key] for key in expected} == expected
    assert os.environ["WANDB_MODE"] == mode
    assert (told.options, told.metrics) == (OPTIONS, METRICS)


@pytest.mark.usefixtures("mlflow")
def test_mlflow_is_told_of_a_run(told):
    train(MLflow(experiment="tagging", tracking_uri="https://mlflow.example.org"), RUN)
    assert told.start == {
        "uri": "https://mlflow.example.org",
        "experiment": "tagging",
        "experiment_id": "id of tagging",
        "tags": {"mlflow.runName": "GN2_1"},
    }
    assert told.options == {key: str(value) for key, value in OPTIONS.items()}
    assert (told.metrics, told.ended) == (METRICS, "7 FINISHED")


@pytest.mark.usefixtures("mlflow")
@pytest.mark.parametrize(
    ("variable", "uri"), [("", "sqlite:///logs/mlflow.db"), ("http://here", "http://here")]
)
def test_mlflow_is_where_the_environment_says_or_beside_the_runs(told, monkeypatch, variable, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)
    train(MLflow(), RUN)
    assert told.start["uri"] == uri


@pytest.mark.usefixtures("comet")
def test_a_tracker_that_refuses_a_run_stops_it_in_one_line(monkeypatch):
    def refuse(**_: object) -> None:
        raise OSError("no such\n  project")

    monkeypatch.setattr(sys.modules["comet_ml"], "start", refuse)
    with pytest.raises(ConfigError, match=r"^trainer\.logger: comet-ml: no such project$"):
        Comet().enter(RUN, CONFIG)


@pytest.mark.usefixtures("wandb")
def test_a_tracker_that_is_gone_is_said_once_and_ends_nothing(monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise OSError("connection lost")

    logger = WeightsAndBiases()
    logger.enter(RUN, CONFIG)
    monkeypatch.setattr(logger.experiment, "log", fail, raising=False)
    for step in range(3):
        logger.log_metrics({"val/loss": 0.5}, step)
    assert caplog.messages == ["wandb: connection lost; metrics.csv has all"]

"""Runs of an MLflow experiment."""

from __future__ import annotations

import os
from pathlib import Path

from lightning.pytorch.loggers import Logger, MLFlowLogger

from salt_core.interfaces.logger import RunLogger


class MLflow(RunLogger):
    """Tells an MLflow server, or a database beside the runs, of each run by the name of its folder.

    Parameters
    ----------
    experiment : str, optional
        Name of the experiment.
    tracking_uri : str, optional
        The server, such as ``https://mlflow.example.org``; by default what ``MLFLOW_TRACKING_URI`` names,
        or else ``mlflow.db`` in the folder of all runs.
    """

    needs = ("mlflow", "mlflow")

    def __init__(self, experiment: str = "salt", tracking_uri: str | None = None) -> None:
        super().__init__()
        self.experiment_name = experiment
        self.tracking_uri = tracking_uri

    def make(self, directory: Path) -> Logger:
        """Make the logger of a run."""
        beside = f"sqlite:///{directory.parent / 'mlflow.db'}"
        return MLFlowLogger(
            self.experiment_name,
            run_name=directory.name,
            tracking_uri=self.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or beside,
        )

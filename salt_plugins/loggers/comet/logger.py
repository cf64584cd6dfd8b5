"""Experiments in Comet."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.loggers import CometLogger, Logger

from salt_core.interfaces.logger import RunLogger


class Comet(RunLogger):
    """Tells Comet of each run by the name of its folder; the key is that of ``COMET_API_KEY`` or ``comet login``.

    Parameters
    ----------
    project : str, optional
        Name of the project.
    workspace : str, optional
        Whose it is; yours by default.
    online : bool, optional
        Whether it is told at once; otherwise a file in the run's folder keeps all for ``comet upload``.
    """

    needs = ("comet_ml", "comet-ml")

    def __init__(self, project: str = "salt", workspace: str | None = None, online: bool = True) -> None:
        super().__init__()
        self.project = project
        self.workspace = workspace
        self.online = online

    def make(self, directory: Path) -> Logger:
        """Make the logger of a run."""
        return _CometLogger(
            project=self.project,
            workspace=self.workspace,
            online=self.online,
            name=directory.name,
            offline_directory=str(directory / "comet"),
        )

    def finalize(self, status: str) -> None:
        """End the experiment too, without which nothing is kept offline."""
        super().finalize(status)
        if self.experiment is not None:
            self.experiment.end()


class _CometLogger(CometLogger):
    """Lightning's; there an experiment that is not online is disabled altogether."""

    def _create_experiment(self) -> None:
        from comet_ml import ExperimentConfig

        options = {"name": self._kwargs["name"], "offline_directory": self._kwargs["offline_directory"]}
        self._comet_config = ExperimentConfig(**options)
        super()._create_experiment()

"""Runs in Weights & Biases."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.loggers import Logger, WandbLogger

from salt_core.interfaces.logger import RunLogger


class WeightsAndBiases(RunLogger):
    """Tells Weights & Biases of each run by the name of its folder; ``wandb login`` comes first.

    Parameters
    ----------
    project : str, optional
        Name of the project.
    entity : str, optional
        Whose it is, a user or a team; yours by default.
    offline : bool, optional
        Whether it is only kept in the run's folder, for ``wandb sync``.
    """

    needs = ("wandb", "wandb")

    def __init__(self, project: str = "salt", entity: str | None = None, offline: bool = False) -> None:
        super().__init__()
        self.project = project
        self.entity = entity
        self.offline = offline

    def make(self, directory: Path) -> Logger:
        """Make the logger of a run."""
        return WandbLogger(
            name=directory.name,
            save_dir=directory,
            offline=self.offline,
            project=self.project,
            entity=self.entity,
        )

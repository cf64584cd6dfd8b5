"""Event files for TensorBoard."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.loggers import Logger, TensorBoardLogger

from salt_core.interfaces.logger import RunLogger


class TensorBoard(RunLogger):
    """Writes events into the run's folder; ``tensorboard --logdir logs`` shows all runs side by side.

    Parameters
    ----------
    folder : str, optional
        Where in the run's folder.
    """

    needs = ("tensorboard", "tensorboard")

    def __init__(self, folder: str = "tensorboard") -> None:
        super().__init__()
        self.folder = folder

    def make(self, directory: Path) -> Logger:
        """Make the logger of a run."""
        return TensorBoardLogger(directory, name=None, version=self.folder, default_hp_metric=False)

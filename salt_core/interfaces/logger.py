"""A logger that tells a tracker of a run, from when the run's folder is there."""

from __future__ import annotations

import importlib.util
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger

from salt_core.errors import ConfigError

log = logging.getLogger("salt.logger")


class RunLogger(Logger, ABC):
    """Makes a logger of Lightning's when the run directory is known, and hands on to it.

    Any logger of Lightning's can be a plugin; this one knows the run's folder and name, and tells the
    configuration too.

    Raises
    ------
    ConfigError
        Where the package that it needs is not installed.
    """

    #: The module that is imported, and what pip calls its package.
    needs: ClassVar[tuple[str, str]]

    def __init__(self) -> None:
        super().__init__()
        module, package = self.needs
        if importlib.util.find_spec(module) is None:
            raise ConfigError(
                f"needs {package}, which is not installed: pip install {package}; metrics.csv is always written"
            )
        self._made: Logger | None = None
        self._complained = False

    @abstractmethod
    def make(self, directory: Path) -> Logger:
        """Make the logger of a run; called once, on each rank.

        Parameters
        ----------
        directory : Path
            The run's own folder; its name is the run's.
        """

    def enter(self, directory: Path, config: Mapping[str, Any]) -> None:
        """Start to log, the complete configuration first; called by the core.

        Raises
        ------
        ConfigError
            Where the tracker does not take the run: a training that is not told of is found out at its start.
        """
        try:
            self._made = self.make(directory)
            self._made.log_hyperparams(dict(_options(config)))
        except Exception as error:  # trackers raise what they like
            raise ConfigError(f"{self.needs[1]}: {_one_line(error)}", "trainer.logger") from error

    @property
    def experiment(self) -> Any:
        """What the tracker's own package calls an experiment or a run; None before the run starts."""
        return getattr(self._made, "experiment", None)

    @property
    def name(self) -> str | None:
        """The name that the tracker knows."""
        return self._made.name if self._made else None

    @property
    def version(self) -> int | str | None:
        """The version that the tracker knows."""
        return self._made.version if self._made else None

    @property
    def save_dir(self) -> str | None:
        """Where files are written."""
        return self._made.save_dir if self._made else None

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Tell nothing: the configuration is told already."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Tell what was logged at a step; a tracker that is gone does not end the training."""
        if self._made is None:
            return
        try:
            self._made.log_metrics(metrics, step)
        except Exception as error:  # trackers raise what they like
            if not self._complained:
                log.warning("%s: %s; metrics.csv has all", self.needs[1], _one_line(error))
            self._complained = True

    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Tell of a checkpoint."""
        if self._made:
            self._made.after_save_checkpoint(checkpoint_callback)

    def save(self) -> None:
        """Write out what waits."""
        if self._made:
            self._made.save()

    def finalize(self, status: str) -> None:
        """End, and tell how."""
        if self._made:
            self._made.finalize(status)


def _options(config: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of a configuration by its key path, as a flag names it."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _options(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", str(value) if isinstance(value, list) else value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

"""The directory of a run: where it is, and how callbacks find it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from lightning.pytorch import Callback, Trainer

from salt_core.errors import ConfigError
from salt_core.training.agreement import first_alone
from salt_core.training.run_files import CONFIG_NAME


class RunDirectory:
    """A folder ``<root>/<name>_<timestamp or suffix>`` for one run.

    Parameters
    ----------
    root : Path
        The folder of all runs.
    name : str
        The run's name.
    suffix : str, optional
        Takes the place of the timestamp.
    reuse : bool, optional
        Whether a run that is there already goes on in the folder.
    """

    def __init__(self, root: Path, name: str, suffix: str | None = None, reuse: bool = False) -> None:
        self.path = root.absolute() / f"{name}_{suffix or datetime.now().strftime('%Y%m%d-T%H%M%S')}"
        self._timestamped = suffix is None
        self._before: set[Path] | None = None
        if suffix and (self.path / CONFIG_NAME).exists() and not reuse:
            raise ConfigError(
                f"{self.path} holds a run already; choose another suffix, leave it out, or go on with --resume",
                "--log_suffix",
            )

    def create(self) -> None:
        """Make the folder; a second run within one second gets a name of its own."""
        base, number = self.path, 1
        while True:
            before = {self.path, *self.path.rglob("*")} if self.path.exists() else set()
            try:
                self.path.mkdir(parents=True, exist_ok=not self._timestamped)
            except FileExistsError:
                number += 1
                self.path = base.with_name(f"{base.name}-{number}")
            except OSError as error:
                message = f"the run directory {self.path} cannot be made: {error.strerror}"
                raise ConfigError(message, "trainer.default_root_dir") from error
            else:
                self._before = before
                return

    def withdraw(self) -> None:
        """Remove what has been written since `create` made the folder, unless a run went on in it."""
        if self._before is None or self.path / CONFIG_NAME in self._before:
            return
        new = {self.path, *self.path.rglob("*")} - self._before
        for path in sorted(new, reverse=True):  # what lies in a folder before the folder
            with suppress(OSError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def agree(self, trainer: Trainer, approve: Callable[[str], None] = lambda _: None) -> None:
        """Make the folder on rank 0 and tell the other ranks of it.

        Parameters
        ----------
        trainer : Trainer
            The trainer.
        approve : callable, optional
            Called on rank 0 with the folder's name; where it raises, no empty folder stays.
        """

        def create() -> None:
            self.create()
            try:
                approve(self.path.name)
            except BaseException:
                with suppress(OSError):
                    self.path.rmdir()
                raise

        first_alone(trainer, create)
        self.path = Path(trainer.strategy.broadcast(str(self.path)))


class DirectoryKeeper(Callback):
    """A callback that makes the directory of the run, in which others write too."""

    directory: RunDirectory


def run_directory(trainer: Trainer) -> Path | None:
    """Return the directory of the run, for callbacks that write into it; None where nothing is written."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, DirectoryKeeper):
            return callback.directory.path
    return None

"""What is written into the directory of a run, and when."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from salt_core.config.resolver import Resolved
from salt_core.config.schema import OF_ONE_CALL
from salt_core.config.yaml import dump_yaml
from salt_core.errors import ConfigError
from salt_core.files import write_whole
from salt_core.interfaces.logger import RunLogger
from salt_core.training.agreement import first_alone
from salt_core.training.announcing import Announcer
from salt_core.training.checkpoints import CONFIG_KEY, PROGRESS_KEY
from salt_core.training.provenance import facts_of_training
from salt_core.training.record import RunRecord
from salt_core.training.run_directory import DirectoryKeeper, RunDirectory
from salt_core.training.run_files import CONFIG_NAME

#: Where runs go, below the current folder, if the configuration does not say.
LOGS = "logs"


class RunRecorder(DirectoryKeeper):
    """Chooses the run directory and writes configuration, dicts and metadata into it.

    Parameters
    ----------
    directory : RunDirectory
        The folder.
    config : mapping
        The complete configuration in short form.
    plugins : sequence of Path
        Project-local plugin files, which are copied.
    metadata : callable
        Gives what goes into ``metadata.yaml`` beside what trainer and model tell; called on rank 0 only.
    tag : callable
        Publishes the tag of the run, given its name; called on rank 0 only.
    go_on : callable, optional
        Called on rank 0 when the directory is there, to take over what a run before it has logged.
    announcer : Announcer, optional
        Tells plugins of the start and the end of the run.
    """

    def __init__(
        self,
        directory: RunDirectory,
        config: Mapping[str, Any],
        plugins: Sequence[Path],
        metadata: Callable[[], Mapping[str, Any]],
        tag: Callable[[str], None],
        go_on: Callable[[], None] = lambda: None,
        announcer: Announcer | None = None,
    ) -> None:
        self.directory = directory
        self.config = dict(config)
        self.plugins = plugins
        self.metadata = metadata
        self.tag = tag
        self.go_on = go_on
        self.record = RunRecord(announcer)
        self._trained = False

    @contextmanager
    def until_the_end(self) -> Iterator[None]:
        """Write how the run has ended when the context is left; one refused before a step leaves nothing."""
        try:
            with self.record.until_the_end():
                yield
        except ConfigError:
            if not self._trained:
                self.directory.withdraw()
            raise

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make and fill the directory before anything else is set up."""
        del stage
        self.directory.agree(trainer, self.tag)
        self.config = self._with_copies(self.config)
        first_alone(trainer, lambda: self._write(trainer, pl_module))
        for logger in trainer.loggers:
            if isinstance(logger, RunLogger):
                logger.enter(self.directory.path, self.config)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note that there is something to keep."""
        del trainer, pl_module, batch, batch_idx
        self._trained = True

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the configuration into every checkpoint, and how much was logged by then."""
        del pl_module
        checkpoint[CONFIG_KEY] = dump_yaml(self.config)
        rows = [getattr(logger, "rows", 0) for logger in trainer.loggers]
        checkpoint[PROGRESS_KEY] = {"metrics_rows": max(rows, default=0)}

    def _write(self, trainer: Trainer, pl_module: LightningModule) -> None:
        path = self.directory.path
        for half_written in path.rglob(".*.part"):  # by a part of this run that was killed
            half_written.unlink()
        for source, target in self._copies():
            if source != target:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        write_whole(path / CONFIG_NAME, dump_yaml(self.config))
        self.record.start(path, {**self.metadata(), **facts_of_training(trainer, pl_module)})
        self.go_on()

    def _copies(self) -> list[tuple[Path, Path]]:
        """List the files to copy, and where to."""
        path, data = self.directory.path, self._sources
        dicts = [
            (Path(data[key]), path / f"{key}.yaml") for key in ("norm_dict", "class_dict") if data.get(key)
        ]
        return dicts + list(zip(self.plugins, self._plugin_copies(), strict=True))

    def _plugin_copies(self) -> list[Path]:
        """Say where the plugin files go; two of one name get folders of their own."""
        folder = self.directory.path / "plugins"
        names = [file.name for file in self.plugins]
        return [
            folder / (str(i) if names.count(name) > 1 else "") / name for i, name in enumerate(names, start=1)
        ]

    def _with_copies(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration with the run's own copies in the place of the files copied."""
        self._sources = dict(config["data"])
        path = self.directory.path
        data = dict(config["data"])
        for key in ("norm_dict", "class_dict"):
            if data.get(key):
                data[key] = str(path / f"{key}.yaml")
        plugins = [str(copy) for copy in self._plugin_copies()]
        return {**config, "data": data} | ({"plugins": plugins} if plugins else {})


def saved_form(resolved: Resolved, seed: int, logs: Path) -> dict[str, Any]:
    """Return the configuration as a run saves it: complete, and the same run when it is fed back.

    Parameters
    ----------
    resolved : Resolved
        The configuration.
    seed : int
        The seed in use.
    logs : Path
        Where runs go if the configuration does not say.
    """
    trainer = resolved.short["trainer"]
    root = trainer["default_root_dir"] or str(logs)
    kept = {key: value for key, value in resolved.short.items() if key not in OF_ONE_CALL}
    return {**kept, "seed_everything": seed, "trainer": {**trainer, "default_root_dir": root}}

"""From a resolved configuration to the objects of a run, by Lightning's own command-line class."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from lightning.fabric.plugins import CheckpointIO, ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger

from salt_core.config.resolver import Resolved
from salt_core.data.module import SaltDataModule
from salt_core.errors import ConfigError, refused
from salt_core.kinds import PARTS
from salt_core.training.archive import SealedCheckpoints
from salt_core.training.module import SaltModule
from salt_core.training.progress import progress_for

#: What stands in messages of Lightning's that no user of ours can act on.
OF_NO_USE = (
    "litlogger",
    "litmodels",
    "`weights_only` was not set",
    "Received SIGTERM",
    "attempting graceful shutdown",
)


@dataclass(frozen=True)
class Objects:
    """What a run consists of, not yet built.

    Parameters
    ----------
    module : SaltModule
        Encoder, tasks and optimiser.
    data : SaltDataModule
        The samples.
    trainer : Trainer
        Lightning's trainer.
    """

    module: SaltModule
    data: SaltDataModule
    trainer: Trainer


def instantiate(
    resolved: Resolved,
    overrides: Mapping[str, Any] | None = None,
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Logger] = (),
) -> Objects:
    """Make the objects that a configuration describes.

    Parameters
    ----------
    resolved : Resolved
        The configuration.
    overrides : mapping, optional
        Options of the trainer that take the place of the configuration's.
    callbacks : sequence of Callback, optional
        Callbacks that come before the configuration's own.
    loggers : sequence of Logger, optional
        Loggers beside the configuration's own; none where ``trainer.logger`` is false.

    Raises
    ------
    ConfigError
        Where a component refuses its options.
    """
    quieten_lightning()
    cli = _Cli(resolved, overrides or {}, callbacks, loggers)
    return Objects(cli.model, cli.datamodule, cli.trainer)


def instantiate_parts(resolved: Resolved) -> tuple[SaltModule, SaltDataModule]:
    """Make model and data alone: a trainer would want the devices of the machine that trained.

    Raises
    ------
    ConfigError
        Where a component refuses its options.
    """
    quieten_lightning()
    cli = _CliWithoutTrainer(replace(resolved, full={**resolved.full, "trainer": {}}), {}, (), ())
    return cli.model, cli.datamodule


@contextmanager
def lightnings_errors(*more: type[Exception]) -> Iterator[None]:
    """Turn what Lightning says of a wrong choice, and errors of the types `more`, into a `ConfigError`.

    A Ctrl-C stays one: Lightning makes an exit with status 1 of it.
    """
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    except Exception as error:
        early = isinstance(error, RuntimeError) and str(error).startswith("Early stopping conditioned on")
        if not early and not isinstance(error, (MisconfigurationException, *more)):
            raise
        raise ConfigError(" ".join(str(error).split()), "trainer") from error


def quieten_lightning() -> None:
    """Drop what Lightning says that no user of ours can act on: advertisements, and warnings about its own code."""
    warnings.filterwarnings(
        "ignore", message=r".*isinstance\(treespec, LeafSpec\)", category=DeprecationWarning
    )
    warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)", category=FutureWarning)
    # A run that goes on in its directory finds checkpoints there, and that is how it is meant.
    warnings.filterwarnings("ignore", message=r"Checkpoint directory .* exists and is not empty")
    # Frozen parts are, and model.freeze says so.
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")
    if "SLURM_JOB_ID" not in os.environ:
        # On a login node it is installed too, but it is inside a job that it starts the ranks.
        warnings.filterwarnings("ignore", message="The `srun` command is available on your system")
    for name in (
        "utilities.rank_zero",
        "trainer.connectors.checkpoint_connector",
        "trainer.connectors.signal_connector",
    ):
        logging.getLogger(f"lightning.pytorch.{name}").addFilter(_is_of_use)


def _is_of_use(record: logging.LogRecord) -> bool:
    return not any(words in record.getMessage() for words in OF_NO_USE)


@contextmanager
def _refusals_told() -> Iterator[None]:
    """Say what a plugin refuses, or which package a class of Lightning's lacks, where several types may stand.

    jsonargparse tells then that none of the types does.
    """
    try:
        yield
    except ValueError as error:
        causes = list(_causes(error))
        refusal = next((cause for cause in causes if isinstance(cause, ConfigError)), None)
        if refusal is not None:
            raise refusal from None
        missing = next((cause for cause in causes if isinstance(cause, ImportError)), None)
        if missing is None:
            raise
        named = (re.search(r"given class_path '([\w.]+)'", str(cause)) for cause in causes)
        name = next((match[1] for match in named if match), "a class")
        raise ConfigError(
            f"{name} needs a package that is not installed: {' '.join(str(missing).split())}", "trainer"
        ) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


class _Cli(LightningCLI):
    """Lightning's command line on one finished mapping, with runtime objects added to the trainer's."""

    def __init__(
        self,
        resolved: Resolved,
        overrides: Mapping[str, Any],
        callbacks: Sequence[Callback],
        loggers: Sequence[Logger],
    ) -> None:
        self._places = resolved.places
        self._first_callbacks = list(callbacks)
        self._loggers = list(loggers)
        trainer = {**resolved.full["trainer"], **overrides}
        super().__init__(
            SaltModule,
            SaltDataModule,
            args={**resolved.full, "trainer": trainer},
            run=False,
            save_config_callback=None,
            seed_everything_default=False,
            auto_configure_optimizers=False,
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Take the finished mapping; the words of the command line are read already."""
        self.config = parser.parse_object(args)

    def instantiate_classes(self) -> None:
        """Make everything; every plugin at its key path, for the error that it may raise."""
        self._instantiate_parts()
        self.trainer = self.instantiate_trainer()

    def _instantiate_parts(self) -> None:
        instantiators = [(self._make, kind.base_class(), True) for kind in PARTS]
        with _refusals_told():
            self.config_init = self.parser.instantiate(self.config, instantiators=instantiators)
        self.datamodule = self._get(self.config_init, "data")
        self.model = self._get(self.config_init, "model")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Make the trainer with the runtime callbacks and loggers."""
        config = self._get(self.config_init, "trainer")
        callbacks = [*self._first_callbacks, *(config.get("callbacks") or [])]
        if config.get("enable_checkpointing") is False or config.get("fast_dev_run"):
            callbacks = [callback for callback in callbacks if not isinstance(callback, Checkpoint)]
        if config.get("enable_progress_bar") is not False:
            callbacks += progress_for(callbacks)
        runtime = {
            "callbacks": callbacks,
            # Without a checkpoint callback Lightning would add one of its own.
            "enable_checkpointing": any(isinstance(callback, Checkpoint) for callback in callbacks),
            "logger": self._all_loggers(config.get("logger")),
            "plugins": self._all_plugins(config.get("plugins")),
        }
        with lightnings_errors(ValueError, TypeError, ImportError):
            return super().instantiate_trainer(**runtime, **kwargs)

    def _all_loggers(self, configured: Any) -> list[Logger] | bool:
        if configured is False:
            return False
        given = (
            [] if configured in (None, True) else configured if isinstance(configured, list) else [configured]
        )
        return [*self._loggers, *given] or False

    def _all_plugins(self, configured: Any) -> list[Any]:
        given = configured if isinstance(configured, list) else [configured] if configured else []
        sealed = [] if any(isinstance(plugin, CheckpointIO) for plugin in given) else [SealedCheckpoints()]
        # Requeueing is done by the batch script, on our exit status: Lightning's own hangs with several ranks.
        slurm = [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
        named = any(isinstance(plugin, ClusterEnvironment) for plugin in given)
        return [*given, *sealed, *([] if named else slurm)]

    def _make(self, cls: type, *args: Any, **kwargs: Any) -> Any:
        with refused(" or ".join(self._places.get(cls, ()))):
            return cls(*args, **kwargs)


class _CliWithoutTrainer(_Cli):
    """The same without a trainer."""

    def instantiate_classes(self) -> None:
        """Make model and data."""
        self._instantiate_parts()

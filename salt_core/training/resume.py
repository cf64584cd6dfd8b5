"""What a training goes on from: the checkpoint, the run that wrote it, and what that run had logged by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salt_core.config.schema import RunOptions
from salt_core.errors import ConfigError
from salt_core.training.checkpoints import (
    FOLDER,
    PROGRESS_KEY,
    cycle_of,
    newest_checkpoint,
    read_checkpoint,
)
from salt_core.training.run_directory import RunDirectory
from salt_core.training.run_files import CONFIG_NAME
from salt_core.training.schedule import Cycle

LAST = "last"


@dataclass(frozen=True)
class Resumed:
    """A training that goes on.

    Parameters
    ----------
    checkpoint : Path
        Where from.
    epoch, step : int
        Where that is.
    metrics_rows : int
        Rows of its run's metrics file by then.
    cycle : Cycle, optional
        The cycle of the learning rate that it is in.
    """

    checkpoint: Path
    epoch: int
    step: int
    metrics_rows: int
    cycle: Cycle | None = None

    @property
    def run(self) -> Path:
        """The run directory of the checkpoint."""
        return self.checkpoint.parent.parent

    def describe(self) -> dict[str, Any]:
        """Say it in ``metadata.yaml``."""
        return {
            "run": self.run.name,
            "checkpoint": str(self.checkpoint),
            "epoch": self.epoch,
            "step": self.step,
        }


def resumed_from(run: RunOptions, configs: Sequence[Path], directory: RunDirectory) -> Resumed | None:
    """Find what a call of ``salt fit`` goes on from; None where it begins anew.

    Parameters
    ----------
    run : RunOptions
        The options of the call.
    configs : sequence of Path
        The files that it names.
    directory : RunDirectory
        Where it will write.

    Raises
    ------
    ConfigError
        Where the checkpoint does not exist or is none of ours.
    DataError
        Where it is damaged.
    """
    path = _checkpoint(run, configs, directory)
    if path is None:
        return None
    content = read_checkpoint(path, "--ckpt_path")
    rows = content.get(PROGRESS_KEY, {}).get("metrics_rows", 0)
    return Resumed(path, content["epoch"], content["global_step"], rows, cycle_of(content))


def _checkpoint(run: RunOptions, configs: Sequence[Path], directory: RunDirectory) -> Path | None:
    if run.resume:
        return newest_checkpoint(directory.path) if _has_checkpoints(directory.path) else None
    path = run.ckpt_path
    if path is None or path.name != LAST or path.exists():
        return path
    return newest_checkpoint(_last_run(run, configs, directory))


def _last_run(run: RunOptions, configs: Sequence[Path], directory: RunDirectory) -> Path:
    """Return the run whose configuration was named, or else the newest one of this name."""
    named = [path.parent for path in configs if path.name == CONFIG_NAME and _has_checkpoints(path.parent)]
    if named:
        return named[-1]
    root = directory.path.parent
    runs = [path for path in root.glob(f"{run.name}_*") if _has_checkpoints(path)]
    if not runs:
        raise ConfigError(f"no run of {run.name} in {root} has a checkpoint", "--ckpt_path")
    return max(runs, key=lambda path: (path / FOLDER).stat().st_mtime_ns)


def _has_checkpoints(run: Path) -> bool:
    return any((run / FOLDER).glob("*.ckpt"))

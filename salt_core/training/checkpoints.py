"""What a checkpoint carries beside the weights, how it is read, and which of a run is the best."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt_core.config.merge import Layer
from salt_core.config.yaml import load_yaml
from salt_core.data.facts import DataFacts
from salt_core.errors import ConfigError
from salt_core.files import shown
from salt_core.training import archive
from salt_core.training.schedule import Cycle

CONFIG_KEY = "salt_config"
FACTS_KEY = "salt_facts"
PROGRESS_KEY = "salt_progress"
CYCLE_KEY = "salt_cycle"
OPTIMIZER_KEY = "salt_optimizer"
FOLDER = "ckpts"
#: What every checkpoint of ours has, and of which type.
CARRIED = {CONFIG_KEY: str, FACTS_KEY: dict, "state_dict": dict, "epoch": int, "global_step": int}

log = logging.getLogger("salt.checkpoints")

_LOSS = re.compile(r"val_loss=(-?[0-9.]+(?:e-?[0-9]+)?)")


def read_checkpoint(path: Path, where: str = "--ckpt_path") -> Mapping[str, Any]:
    """Read a checkpoint of ours onto the CPU, without running code from it.

    Raises
    ------
    ConfigError
        Where there is no such file, or it is no checkpoint of this program.
    DataError
        Where it is cut short or damaged.
    """
    if not path.is_file():
        reason = "is a folder" if path.is_dir() else "does not exist"
        raise ConfigError(f"the checkpoint {path} {reason}", where)
    content = archive.load(path, where)
    if not isinstance(content, dict) or not CARRIED.keys() <= content.keys():
        raise ConfigError(f"{path} is no checkpoint of salt: it carries no configuration", where)
    for key, kind in CARRIED.items():
        if not isinstance(content[key], kind):
            raise ConfigError(
                f"{path} is no checkpoint of salt: its {key} is a {type(content[key]).__name__}", where
            )
    return content


def facts_of(checkpoint: Mapping[str, Any]) -> DataFacts:
    """Return what the data said when the checkpoint's model was built.

    Raises
    ------
    ConfigError
        Where it does not say that.
    """
    try:
        return DataFacts.from_plain(checkpoint[FACTS_KEY])
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the checkpoint does not describe its data as it should: {error}", "--ckpt_path"
        ) from None


def cycle_of(checkpoint: Mapping[str, Any]) -> Cycle | None:
    """Return the cycle of the learning rate that a checkpoint is in; None where it does not say."""
    return Cycle(**checkpoint[CYCLE_KEY]) if CYCLE_KEY in checkpoint else None


def config_layer(checkpoint: Mapping[str, Any], path: Path) -> Layer:
    """Return the checkpoint's complete configuration as a layer; its paths are absolute."""
    label = f"the configuration in {path.name}"
    return Layer(load_yaml(checkpoint[CONFIG_KEY], label), label, path.parent)


def checkpoint_at(path: Path, where: str) -> Path:
    """Return a checkpoint, or the best one where `path` is a run directory."""
    if not path.is_dir():
        return path
    return best_checkpoint(path, where)


def best_checkpoint(run: Path, where: str = "") -> Path:
    """Return the checkpoint of a run directory whose name tells the lowest validation loss, or the only one.

    Raises
    ------
    ConfigError
        Where there is none, or several and no name tells a loss.
    """
    losses = {path: _loss(path) for path in sorted((run / FOLDER).glob("*.ckpt"))}
    if not losses:
        raise ConfigError(f"{run} holds no checkpoint: there is none in {FOLDER}/", where)
    if len(losses) == 1:
        return next(iter(losses))
    told = {path: loss for path, loss in losses.items() if not math.isnan(loss)}
    if not told:
        names = ", ".join(path.name for path in losses)
        raise ConfigError(
            f"no checkpoint of {run} tells its validation loss in its name; name one of {names}", where
        )
    return min(told, key=lambda path: told[path])


def newest_checkpoint(run: Path) -> Path:
    """Return the checkpoint of a run directory that was written last and is intact.

    Raises
    ------
    ConfigError
        Where there is none.
    """
    found = sorted((run / FOLDER).glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in found:
        if archive.is_intact(path):
            return path
        log.warning("%s is damaged, the next older checkpoint is taken", shown(path))
    raise ConfigError(f"{run / FOLDER} holds no intact checkpoint", "--ckpt_path")


def _loss(path: Path) -> float:
    found = _LOSS.search(path.stem)
    return float(found.group(1).rstrip(".")) if found else math.nan

"""A trained model as it is found: a checkpoint, and the configuration that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salt_core.config.arguments import Arguments
from salt_core.config.load import Loaded, load
from salt_core.config.paths import find_config, resolve_path
from salt_core.errors import ConfigError
from salt_core.training.checkpoints import best_checkpoint, config_layer, read_checkpoint
from salt_core.training.module import SaltModule

FLAG = "--ckpt_path"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint and the configuration that goes with it.

    Parameters
    ----------
    path : Path
        The checkpoint's file.
    content : mapping
        Its content.
    loaded : Loaded
        The configuration: the named files', or else the checkpoint's own, with the flags on top.
    """

    path: Path
    content: Mapping[str, Any]
    loaded: Loaded


def checkpoint_of(arguments: Arguments) -> Checkpoint:
    """Find the checkpoint that a command line names, and the configuration for it.

    Raises
    ------
    SaltError
        Where there is none, or it cannot be used.
    """
    if not arguments.configs:
        return alone(_named(arguments), arguments, FLAG)
    loaded = _configured(arguments)
    path = loaded.resolved.run.ckpt_path or best_checkpoint(find_config(arguments.configs[-1]).parent, FLAG)
    return Checkpoint(path, read_checkpoint(path, FLAG), loaded)


def alone(path: Path, arguments: Arguments, where: str = "") -> Checkpoint:
    """Read a checkpoint, which `where` names, and take the configuration in it, with the flags on top."""
    content = read_checkpoint(path, where)
    return Checkpoint(path, content, load(arguments, config_layer(content, path)))


def load_weights(module: SaltModule, checkpoint: Checkpoint) -> None:
    """Give a model that is built the weights of its checkpoint.

    Raises
    ------
    ConfigError
        Where they are another model's.
    """
    try:
        module.load_state_dict(checkpoint.content["state_dict"])
    except (RuntimeError, TypeError, AttributeError) as error:
        lines = [line.strip() for line in str(error).splitlines()[1:6]]
        raise ConfigError(
            f"the weights of {checkpoint.path} do not fit the configured model: {' '.join(lines)}; "
            "use the config.yaml of the checkpoint's own run, or none",
            FLAG,
        ) from None


def _configured(arguments: Arguments) -> Loaded:
    for text in arguments.configs:
        try:
            find_config(text)
        except ConfigError as error:
            hint = "a checkpoint has its configuration in it, so --ckpt_path X.ckpt alone does too"
            raise ConfigError(f"{error.message}; {hint}", error.where) from None
    return load(arguments)


def _named(arguments: Arguments) -> Path:
    texts = [flag.text for flag in arguments.flags if flag.name == FLAG and flag.text]
    if not texts:
        raise ConfigError("give --config logs/RUN/config.yaml, or --ckpt_path X.ckpt, or both")
    return resolve_path(texts[-1], Path.cwd())

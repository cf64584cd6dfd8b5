"""Whether a training can go on from a checkpoint: of the same model, parts of which the same optimiser trains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salt_core.errors import ConfigError
from salt_core.files import shown
from salt_core.training.checkpoints import OPTIMIZER_KEY
from salt_core.training.starting import match_weights

if TYPE_CHECKING:
    from salt_core.training.module import SaltModule

#: What is there to start from a checkpoint that a training cannot go on from.
OR_START = "to start a new training from its weights, give --model.init_from in the place of --ckpt_path"


def check_continues(module: SaltModule, checkpoint: Mapping[str, Any], path: Path) -> None:
    """Raise a `ConfigError` where a training of `module` cannot go on from a checkpoint.

    Parameters
    ----------
    module : SaltModule
        The model, built.
    checkpoint : mapping
        The content of the checkpoint.
    path : Path
        Where it lies.
    """
    match = match_weights(module.state_dict(), checkpoint["state_dict"], set())
    if not match.is_whole:
        rest = "; ".join(match.rest())
        raise ConfigError(
            f"{shown(path)} is of another model: {rest}. {OR_START.capitalize()}", "--ckpt_path"
        )
    if "optimizer_states" not in checkpoint:
        raise ConfigError(
            f"{shown(path)} holds weights alone, no training to go on with; {OR_START}", "--ckpt_path"
        )
    before, now = checkpoint.get(OPTIMIZER_KEY), module.optimizer_name
    if before not in (None, now):
        message = f"{shown(path)} was trained with {before}, {now} cannot go on with its state"
        raise ConfigError(f"{message}; {OR_START}", "model.optimizer")
    if (trained := _trained(checkpoint)) not in (None, own := _own_trained(module)):
        message = f"{shown(path)} has an optimiser of {trained} parameters by group, here they are {own}"
        raise ConfigError(f"{message}; freeze the same parts, or, {OR_START}", "model.freeze")


def _trained(checkpoint: Mapping[str, Any]) -> list[int] | None:
    """Count the parameters of each group that the checkpoint's optimiser trained."""
    states = checkpoint.get("optimizer_states")
    return [len(group["params"]) for group in states[0]["param_groups"]] if states else None


def _own_trained(module: SaltModule) -> list[int]:
    return [len(group["params"]) for group in module.make_optimizer().param_groups]

"""``salt test`` and ``salt validate``: a trained model over one sample, on one device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from salt_core.config.arguments import Arguments
from salt_core.config.load import Loaded, load
from salt_core.config.paths import find_config, resolve_path
from salt_core.config.yaml import dump_yaml
from salt_core.data.files import names_of
from salt_core.data.module import Sample
from salt_core.errors import ConfigError
from salt_core.evaluation.writer import PredictionWriter
from salt_core.files import shown
from salt_core.training.checkpoints import best_checkpoint, config_layer, facts_of, read_checkpoint
from salt_core.training.objects import Objects, instantiate

Say = Callable[[str], None]

CHECKPOINT_FLAG = "--ckpt_path"
ONE_DEVICE = {"devices": 1, "num_nodes": 1, "strategy": "auto", "logger": False}
FULL_PRECISION = "32-true"


@dataclass(frozen=True)
class Trained:
    """A checkpoint and the configuration that goes with it.

    Parameters
    ----------
    path : Path
        The checkpoint's file.
    checkpoint : mapping
        Its content.
    loaded : Loaded
        The configuration: the named files', or else the checkpoint's own, with the flags on top.
    """

    path: Path
    checkpoint: Mapping[str, Any]
    loaded: Loaded


def test(arguments: Arguments, say: Say) -> None:
    """Evaluate the test sample and write the predictions beside the checkpoint."""
    trained = _trained(arguments)
    if _printed(trained, arguments, say):
        return
    resolved = trained.loaded.resolved
    writer = PredictionWriter(resolved.run.name, trained.path)
    objects = _objects(trained, "test", arguments, [writer])
    say(f"Evaluating {shown(trained.path)} on {shown(objects.data.file('test'))}")
    objects.trainer.test(objects.module, objects.data, verbose=False)
    say(f"The predictions are in {shown(writer.target)}")


def validate(arguments: Arguments, say: Say) -> None:
    """Compute the losses of the validation sample."""
    trained = _trained(arguments)
    if _printed(trained, arguments, say):
        return
    objects = _objects(trained, "val", arguments, [])
    say(f"Validating {shown(trained.path)} on {names_of(objects.data.files('val'))}")
    (metrics,) = objects.trainer.validate(objects.module, objects.data, verbose=False)
    width = max(map(len, metrics), default=0)
    for name, value in metrics.items():
        say(f"  {name:<{width}}  {value:.6g}")


def _trained(arguments: Arguments) -> Trained:
    """Find the checkpoint, and the configuration for it."""
    if not arguments.configs:
        path = _named_checkpoint(arguments)
        checkpoint = read_checkpoint(path, CHECKPOINT_FLAG)
        return Trained(path, checkpoint, load(arguments, config_layer(checkpoint, path)))
    loaded = load(arguments)
    path = loaded.resolved.run.ckpt_path or best_checkpoint(find_config(arguments.configs[-1]).parent)
    return Trained(path, read_checkpoint(path, CHECKPOINT_FLAG), loaded)


def _named_checkpoint(arguments: Arguments) -> Path:
    texts = [flag.text for flag in arguments.flags if flag.name == CHECKPOINT_FLAG and flag.text]
    if not texts:
        raise ConfigError("give --config logs/RUN/config.yaml, or --ckpt_path X.ckpt, or both")
    return resolve_path(texts[-1], Path.cwd())


def _printed(trained: Trained, arguments: Arguments, say: Say) -> bool:
    if arguments.print_config:
        say(dump_yaml(trained.loaded.resolved.short).rstrip("\n"))
    return arguments.print_config


def _objects(
    trained: Trained, sample: Sample, arguments: Arguments, callbacks: Sequence[Callback]
) -> Objects:
    """Make the model as the checkpoint has it, and a trainer of one device in full precision."""
    resolved = trained.loaded.resolved
    flagged = {flag.name for flag in arguments.flags}
    overrides = dict(ONE_DEVICE)
    if "--trainer.precision" not in flagged:
        overrides["precision"] = FULL_PRECISION
    if isinstance(resolved.full["trainer"].get("devices"), list):
        overrides["devices"] = resolved.full["trainer"]["devices"][:1]
    objects = instantiate(resolved, overrides, callbacks)
    objects.data.build(objects.module.columns(), 0, objects.module.check)
    objects.data.check_file(sample)
    objects.module.build(facts_of(trained.checkpoint), resolved.run.compile)
    _load_weights(objects, trained)
    return objects


def _load_weights(objects: Objects, trained: Trained) -> None:
    try:
        objects.module.load_state_dict(trained.checkpoint["state_dict"])
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:6]]
        raise ConfigError(
            f"the weights of {trained.path} do not fit the configured model: {' '.join(lines)}; "
            "use the config.yaml of the checkpoint's own run, or none",
            CHECKPOINT_FLAG,
        ) from None

"""``salt test`` and ``salt validate``: a trained model over one sample, on one device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lightning.pytorch import Callback

from salt_core.config.arguments import Arguments
from salt_core.config.yaml import dump_yaml
from salt_core.data.files import names_of
from salt_core.data.module import SaltDataModule
from salt_core.data.request import Sample
from salt_core.errors import ConfigError, run_all
from salt_core.evaluation.checkpoint import Checkpoint, checkpoint_of, load_weights
from salt_core.evaluation.output import output_path
from salt_core.evaluation.writer import PredictionWriter
from salt_core.files import shown
from salt_core.interruption import interruption
from salt_core.training.checkpoints import facts_of
from salt_core.training.objects import Objects, instantiate
from salt_core.training.processor import prepare_processor
from salt_core.training.record import commits_of

Say = Callable[[str], None]

ONE_DEVICE = {"devices": 1, "num_nodes": 1, "strategy": "auto", "logger": False}
FULL_PRECISION = "32-true"


def test(arguments: Arguments, say: Say) -> None:
    """Evaluate the test sample and write the predictions beside the checkpoint."""
    trained = checkpoint_of(arguments)
    if _printed(trained, arguments, say):
        return
    resolved = trained.loaded.resolved
    writer = PredictionWriter(resolved.run.name, trained.path, commits_of(trained.path.parent.parent))
    objects = _objects(trained, "test", arguments, [writer])
    for path in objects.data.files("test"):
        objects.data.take_test_files(path)
        say(f"Evaluating {shown(trained.path)} on {shown(path)}")
        objects.trainer.test(objects.module, objects.data, verbose=False)
        say(f"{writer.pace()}; the predictions are in {shown(writer.target)}")


def validate(arguments: Arguments, say: Say) -> None:
    """Compute the losses of the validation sample."""
    trained = checkpoint_of(arguments)
    if _printed(trained, arguments, say):
        return
    objects = _objects(trained, "val", arguments, [])
    say(f"Validating {shown(trained.path)} on {names_of(objects.data.files('val'))}")
    (metrics,) = objects.trainer.validate(objects.module, objects.data, verbose=False)
    width = max(map(len, metrics), default=0)
    for name, value in metrics.items():
        say(f"  {name:<{width}}  {value:.6g}")


def _printed(trained: Checkpoint, arguments: Arguments, say: Say) -> bool:
    if arguments.print_config:
        say(dump_yaml(trained.loaded.resolved.short).rstrip("\n"))
    return arguments.print_config


def _check_test_files(data: SaltDataModule, checkpoint: Path) -> None:
    """Check all test files before the first one is evaluated, and that each has predictions of its own."""
    files = data.files("test")
    targets = Counter(output_path(checkpoint, path, data.test_suffix).name for path in files)
    name, number = targets.most_common(1)[0]
    if number > 1:
        raise ConfigError(
            f"the predictions of {number} files would be called {name}; evaluate them one by one, each with a "
            "--data.test_suff of its own",
            "data.test_file",
        )
    run_all(*(partial(_check_test_file, data, path) for path in files))
    data.take_test_files(*files)


def _check_test_file(data: SaltDataModule, path: Path) -> None:
    data.take_test_files(path)
    data.check_file("test")


def _objects(
    trained: Checkpoint, sample: Sample, arguments: Arguments, callbacks: Sequence[Callback]
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
    objects.data.build(objects.module.columns(), objects.module.inputs(), 0, objects.module.check)
    if sample == "test":
        _check_test_files(objects.data, trained.path)
    else:
        objects.data.check_file(sample)
    prepare_processor(objects.trainer)
    objects.module.build(facts_of(trained.content), resolved.run.compile)
    load_weights(objects.module, trained)
    interruption.tidy()
    return objects

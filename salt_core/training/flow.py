"""``salt fit`` from its arguments to a run directory."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import seed_everything

from salt_core.checks.flow import look_first, told_together
from salt_core.config.arguments import Arguments
from salt_core.config.load import Loaded, load
from salt_core.config.yaml import dump_yaml
from salt_core.durations import seconds_of
from salt_core.files import shown
from salt_core.interruption import interruption, is_started_rank, mark_started_ranks
from salt_core.training.announcing import Announcer
from salt_core.training.boundary import FitLoop, StepBoundary
from salt_core.training.compiling import Compile, check_graphs
from salt_core.training.metrics import MetricsLogger
from salt_core.training.objects import Objects, instantiate, lightnings_errors
from salt_core.training.processor import prepare_processor
from salt_core.training.provenance import Sources, facts_of_start, look_at_sources
from salt_core.training.ranks import watch_ranks
from salt_core.training.resume import Resumed, resumed_from
from salt_core.training.run import LOGS, RunRecorder, saved_form
from salt_core.training.run_directory import RunDirectory
from salt_core.training.run_files import METRICS_NAME

Say = Callable[[str], None]

log = logging.getLogger("salt.fit")


def fit(arguments: Arguments, say: Say) -> None:
    """Train a model.

    Parameters
    ----------
    arguments : Arguments
        What the command was called with.
    say : callable
        Takes the lines that the user reads on standard output.

    Raises
    ------
    SaltError
        For everything that the user can mend.
    """
    with told_together(arguments):
        loaded = load(arguments)
    run = loaded.resolved.run
    if run.time_limit is not None:
        interruption.stop_after(seconds_of(run.time_limit, "--time_limit"))
    seed = _seed(run.seed_everything)
    config = saved_form(loaded.resolved, seed, Path.cwd() / LOGS)
    if arguments.print_config:
        say(dump_yaml(config).rstrip("\n"))
        return
    writes = not config["trainer"]["fast_dev_run"]
    with told_together(arguments):
        objects, recorder, resumed = _prepare(loaded, config, seed, writes)
    interruption.tidy()
    _train(objects, recorder, resumed)
    if writes and objects.trainer.is_global_zero:
        _tell_results(recorder.directory.path, say)


def _prepare(
    loaded: Loaded, config: dict[str, Any], seed: int, writes: bool
) -> tuple[Objects, RunRecorder, Resumed | None]:
    """Make all that a training consists of, and look whether it can be done; nothing is written yet."""
    run = loaded.resolved.run
    root = Path(config["trainer"]["default_root_dir"])
    directory = RunDirectory(root, run.name, run.log_suffix, run.resume)
    sources = _sources(loaded, directory, writes)
    resumed = resumed_from(run, loaded.files, directory)
    metrics = MetricsLogger(directory)
    recorder = _recorder(directory, config, loaded, sources, metrics, resumed)
    torch.set_float32_matmul_precision(run.matmul_precision)
    callbacks = [StepBoundary(seed, interruption), *([recorder] if writes else [])]
    objects = instantiate(loaded.resolved, {}, callbacks, [metrics] if writes else [])
    _build(objects, seed, run.compile)
    objects.module.initialise(resumed is not None)
    if not is_started_rank():
        look_first(objects, run.name, directory.path.parent, resumed)
    return objects, recorder, resumed


def _train(objects: Objects, recorder: RunRecorder, resumed: Resumed | None) -> None:
    """Train on all ranks, and write how that has ended."""
    trainer = objects.trainer
    with recorder.until_the_end(), objects.data.staged(), lightnings_errors():
        if trainer.world_size > 1:
            interruption.begin()  # the ranks wait for each other from here on, so none of them may leave alone
            mark_started_ranks()
            watch_ranks(trainer, recorder.record.end)
        trainer.fit_loop = FitLoop.instead_of(trainer.fit_loop)
        prepare_processor(trainer)
        checkpoint = resumed.checkpoint if resumed else None
        trainer.fit(objects.module, objects.data, ckpt_path=checkpoint, weights_only=True)


def _seed(option: int | bool) -> int:
    """Return the seed of a run; one drawn at random is the same in all its processes."""
    if not isinstance(option, bool):
        return option
    return int(os.environ.get("PL_GLOBAL_SEED") or secrets.randbelow(2**32))


def _sources(loaded: Loaded, directory: RunDirectory, writes: bool) -> Sources:
    """Look at the repositories that the run comes from; one that writes nothing may come from anywhere."""
    if is_started_rank():
        return Sources()
    if writes:
        return look_at_sources(loaded, directory.path.name)
    if loaded.resolved.run.tag:
        log.warning("trainer.fast_dev_run: no tag is made")
    return Sources()


def _build(objects: Objects, seed: int, compiled: Compile) -> None:
    """Check the samples and make the parameters, which follow from the seed alone."""
    check_graphs(compiled, objects.trainer)
    seed_everything(seed, workers=True)
    objects.data.build(objects.module.columns(), objects.module.inputs(), seed, objects.module.check)
    objects.data.check_training()
    objects.module.build(objects.data.facts(), compiled)


def _recorder(
    directory: RunDirectory,
    config: dict[str, Any],
    loaded: Loaded,
    sources: Sources,
    metrics: MetricsLogger,
    resumed: Resumed | None,
) -> RunRecorder:
    def facts() -> dict[str, Any]:
        parent = {"parent": resumed.describe()} if resumed else {}
        seed, plugins = config["seed_everything"], loaded.resolved.plugins
        return facts_of_start(sources, directory.path, seed, plugins) | parent

    def go_on() -> None:
        if resumed:
            metrics.go_on(resumed.run / METRICS_NAME, resumed.metrics_rows)

    parent = resumed.run if resumed else None
    announcer = Announcer(loaded.registry.listeners, loaded.resolved.run.name, parent)
    return RunRecorder(directory, config, loaded.registry.local_files, facts, sources.tag, go_on, announcer)


def _tell_results(directory: Path, say: Say) -> None:
    say(f"\nThe run is in {shown(directory)}/")
    say(f"Evaluate it:  salt test --config {shown(directory)}/config.yaml --data.test_file FILE")

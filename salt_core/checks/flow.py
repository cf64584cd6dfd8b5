"""The look before the leap: of ``salt check``, and in the first seconds of ``salt fit``."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import BatchSizeFinder

from salt_core.checks.assembly import Assembly, assemble
from salt_core.checks.building import Built, build
from salt_core.checks.limits import check_batches, check_limits
from salt_core.checks.report import Report
from salt_core.checks.room import MARGIN, check_room, checkpoint_size, checkpoints_kept
from salt_core.checks.samples import look_at_sample
from salt_core.checks.step import try_step
from salt_core.config.arguments import Arguments, parse
from salt_core.data.advice import Readers
from salt_core.data.module import SaltDataModule
from salt_core.data.request import Position, Sample
from salt_core.data.workers import chosen_workers
from salt_core.errors import ConfigError, SaltError, raise_all
from salt_core.files import shown
from salt_core.interruption import is_started_rank
from salt_core.limits import usable_cpus
from salt_core.sizes import readable
from salt_core.training.checkpoints import checkpoint_at, read_checkpoint
from salt_core.training.continuing import check_continues
from salt_core.training.length import check_length, planned_steps
from salt_core.training.module import SaltModule
from salt_core.training.objects import Objects
from salt_core.training.provenance import look_at_sources
from salt_core.training.resume import Resumed, resumed_from
from salt_core.training.run import LOGS
from salt_core.training.run_directory import RunDirectory
from salt_core.training.starting import WHERE as INIT_FROM

Say = Callable[[str], None]

PROBLEMS = ConfigError.exit_code
SAMPLES: tuple[Sample, ...] = ("train", "val")

#: Pieces of a sample that every training looks at before it starts.
FIRST_PIECES = 2

log = logging.getLogger("salt.checks")


def check(words: tuple[str, ...], as_json: bool, say: Say) -> int:
    """Look at everything that ``salt fit`` would trip over, and say it.

    Parameters
    ----------
    words : tuple of str
        The arguments, as of ``salt fit``.
    as_json : bool
        Whether to say it for other programs.
    say : callable
        Takes the lines that the user reads on standard output.

    Returns
    -------
    int
        The exit code: 0, or 2 where there are problems.

    Raises
    ------
    ConfigError
        Which tells all problems, where they are not said as JSON.
    """
    report = Report()
    with report.collecting():
        look(parse(words), report)
    if as_json:
        say(json.dumps(report.to_plain(), indent=1))
    elif report.problems:
        raise ConfigError(report.text())
    else:
        say(report.summary())
    return PROBLEMS if report.problems else 0


@contextmanager
def told_together(arguments: Arguments) -> Iterator[None]:
    """Raise everything that is wrong with a training where its preparation, inside, finds a first mistake."""
    try:
        yield
    except SaltError:
        if arguments.print_config or is_started_rank():
            raise
        report = Report()
        look(arguments, report)
        raise_all(report.problems)
        raise


def look(arguments: Arguments, report: Report) -> None:
    """Look at a training from its arguments on; nothing is written."""
    assembly = None
    with report.collecting("", "making the parts of the training"):
        assembly = assemble(arguments, report)
    if assembly is None:
        report.skipped.append("files, labels, model, disk and a first step: too little is right for that")
        return
    run, objects = assembly.loaded.resolved.run, assembly.objects
    seed = run.seed_everything if not isinstance(run.seed_everything, bool) else 0
    seed_everything(seed, workers=True, verbose=False)
    resumed = None
    with report.collecting():
        resumed = _look_at_run(assembly, report)
    built = Built({}, False)
    with report.collecting("model", "building the model"):
        built = build(objects, seed, run.compile, report)
    for sample in SAMPLES:
        with report.collecting(f"data.{sample}_file", "reading it"):
            look_at_sample(objects.data, sample, built.tasks, report)
    check_monitors(objects, report)
    check_limits(objects.trainer, report)
    with report.collecting():
        _look_at_start(objects.module, built.whole, resumed is not None or run.ckpt_path is not None, report)
    if report.problems:
        report.skipped.append("disk and a first step, which need a model and data without problems")
        return
    look_at_end(objects, report, run.name, _root(assembly), resumed)


def look_first(objects: Objects, name: str, root: Path, resumed: Resumed | None) -> None:
    """Look at a training whose objects are built, before its devices are set up; it takes a second.

    Parameters
    ----------
    objects : Objects
        The objects.
    name : str
        Name of the model.
    root : Path
        The folder of its runs.
    resumed : Resumed, optional
        What it goes on from.

    Raises
    ------
    SaltError
        One that tells all problems.
    """
    report = Report()
    with torch.random.fork_rng(devices=[]):
        for sample in SAMPLES:
            look_at_sample(objects.data, sample, objects.module.heads, report, FIRST_PIECES)
        check_monitors(objects, report)
        check_limits(objects.trainer, report)
        if not report.problems:
            look_at_end(objects, report, name, root, resumed)
    raise_all(report.problems)
    for note in report.notes:
        log.warning("%s", note)


def look_at_end(objects: Objects, report: Report, name: str, root: Path, resumed: Resumed | None) -> None:
    """Look at what needs a whole model: sizes, length, disk, and a first step."""
    module, data, trainer = objects.module, objects.data, objects.trainer
    number = sum(p.numel() for p in module.parameters())
    report.seen["model"] = f"{name}, {number:,} parameters, tasks {', '.join(module.heads)}"
    report.seen["batch"] = _batches(data, trainer, report)
    with report.collecting():
        _look_at_length(objects, resumed)
    with report.collecting():
        if resumed:
            checkpoint = read_checkpoint(resumed.checkpoint, "--ckpt_path")
            check_continues(module, checkpoint, resumed.checkpoint)
    with report.collecting():
        report.seen["disk"] = _room(objects, root)
    with report.collecting("model", "the first step"):
        report.seen["step"] = try_step(module, data)


def check_monitors(objects: Objects, report: Report) -> None:
    """Note callbacks that wait for a loss which is logged under another name."""
    losses = ["loss", *(f"{name}_loss" for name in objects.module.heads)]
    known = [f"{stage}/{loss}" for stage in ("train", "val") for loss in losses]
    for callback in objects.trainer.callbacks:  # type: ignore[attr-defined]
        monitor = getattr(callback, "monitor", None)
        if not isinstance(monitor, str) or monitor in known:
            continue
        if close := difflib.get_close_matches(monitor, known, n=3, cutoff=0.8):
            hint = " or ".join(map(repr, close))
            message = (
                f"{type(callback).__name__} monitors {monitor!r}, which nothing logs; did you mean {hint}?"
            )
            report.add(ConfigError(message, "trainer.callbacks"))


def _look_at_run(assembly: Assembly, report: Report) -> Resumed | None:
    """Look at where the run would lie and whether it could be made again; return what it goes on from."""
    loaded, run = assembly.loaded, assembly.loaded.resolved.run
    directory = RunDirectory(_root(assembly), run.name, run.log_suffix, run.resume)
    if _writes(assembly.objects):
        with report.collecting():
            look_at_sources(loaded, directory.path.name)
    return resumed_from(run, loaded.files, directory)


def _look_at_start(module: SaltModule, whole: bool, goes_on: bool, report: Report) -> None:
    """Look at the weights that a training starts with; those of a model that is not whole can only be read."""
    if module.init_from is None or goes_on:
        return
    if whole and not report.mended:
        module.initialise(False)
    else:
        read_checkpoint(checkpoint_at(module.init_from, INIT_FROM), INIT_FROM)


def _look_at_length(objects: Objects, resumed: Resumed | None) -> None:
    """Look whether limits fit an epoch, and the schedule of a checkpoint lasts as long as the training."""
    module, data, trainer = objects.module, objects.data, objects.trainer
    if any(isinstance(callback, BatchSizeFinder) for callback in trainer.callbacks):  # type: ignore[attr-defined]
        return  # nobody knows yet how many steps there will be
    jets = data.batch_size * trainer.num_devices * trainer.num_nodes
    batches = len(data.pieces("train", data.selection(), jets, lambda: Position(0, 0)))
    check_batches(trainer, batches)
    steps = planned_steps(trainer, batches)
    check_length(module.lrs_config, resumed.cycle if resumed else None, steps, resumed.step if resumed else 0)


def _root(assembly: Assembly) -> Path:
    """Return the folder of the runs."""
    return Path(assembly.loaded.resolved.short["trainer"]["default_root_dir"] or Path.cwd() / LOGS)


def _writes(objects: Objects) -> bool:
    """Tell whether there will be a run directory."""
    return not objects.trainer.fast_dev_run  # type: ignore[attr-defined]


def _batches(data: SaltDataModule, trainer: Trainer, report: Report) -> str:
    """Tell the batches of an epoch; note a batch that is larger than the sample, and too many workers."""
    devices = trainer.num_devices * trainer.num_nodes
    jets = data.samples.used("train", data.contents("train").num_jets)
    if jets < devices:
        report.add(ConfigError(f"{jets} jets are too few for {devices} devices", "data.train_file"))
    if data.batch_size * devices > jets:
        report.notes.append(
            f"data.batch_size: {data.batch_size} on {devices} device{'s' * (devices > 1)} is more than the {jets} "
            f"{data.global_object} of the training sample, so that an epoch is a single step"
        )
    workers = chosen_workers(data.num_workers, trainer.num_devices)
    readers = Readers(workers, usable_cpus(), trainer.num_devices, data.loader.reads_with_workers)
    if said := readers.too_many():
        report.notes.append(said)
    each = -(-jets // (data.batch_size * devices))
    kind = type(trainer.accelerator).__name__.removesuffix("Accelerator")
    epoch = f"{each:,} steps in an epoch on {devices} {kind}"
    return f"{data.batch_size} {data.global_object}, {epoch}, {workers} workers"


def _room(objects: Objects, root: Path) -> str:
    """Check the room for everything that the training writes."""
    needed = {("data.cache_dir", folder): size for folder, size in objects.data.room().items()}
    if _writes(objects):
        trainer = objects.trainer
        kept = checkpoints_kept(trainer.callbacks, trainer.max_epochs)  # type: ignore[attr-defined]
        needed["trainer.default_root_dir", root] = kept * checkpoint_size(objects.module) + MARGIN
    check_room(needed)
    told = [f"{readable(size)} in {shown(folder)}" for (_, folder), size in needed.items()]
    return ", ".join(told) or "nothing is written"

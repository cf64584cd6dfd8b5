"""A training that is killed or stopped, and goes on, ends as one that ran through: to the last bit."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from told import metrics_of

from salt_core.training import archive
from salt_core.training.run_files import read_metrics
from salt_core.training.schedule import LearningRate

SEED = int(os.environ.get("SALT_TEST_SEED") or random.SystemRandom().randrange(10**6))

STEPS = 15
TWO_RANKS = ("--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "10")


def run_of(sample, suffix: str) -> Path:
    return sample.folder / "logs" / f"tiny_{suffix}"


def last_of(run: Path) -> dict:
    return archive.load(run / "ckpts" / "last.ckpt")


def same(one: object, two: object) -> bool:
    """Compare nested states to the bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


def assert_same_training(whole: Path, other: Path) -> None:
    """Check weights, moments, schedule and metrics of two runs."""
    one, two = last_of(whole), last_of(other)
    assert one["global_step"] == two["global_step"]
    assert one["epoch"] == two["epoch"]
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "salt_cycle"):
        assert same(one[key], two[key]), key
    moments = one["optimizer_states"][0]["state"]
    assert any(state["exp_avg"].abs().sum() > 0 for state in moments.values())
    assert metrics_of(whole) == metrics_of(other)
    best = [sorted(path.name for path in (run / "ckpts").glob("*val_loss*")) for run in (whole, other)]
    assert best[0] == best[1]
    assert len(best[0]) == 1


@pytest.fixture
def fit(dying, forked) -> Callable[..., object]:
    """Train in the run directory of a suffix, from its newest checkpoint if there is one."""

    def run(suffix: str, *words: object, **environment: str):
        return forked("fit", *dying, "--log_suffix", suffix, "--resume", *words, **environment)

    run.plain = lambda *words, **environment: forked("fit", "-f", *words, **environment)
    return run


@pytest.fixture
def fit_of_two(dying, started, empty_session) -> Callable[..., object]:
    """The same on two ranks."""

    def run(suffix: str, *words: object, **environment: str):
        words = (*dying, *TWO_RANKS, "--log_suffix", suffix, "--resume", *words)
        process = started("fit", *words, **environment)
        err, _ = process.communicate(timeout=120)
        empty_session(process.pid)
        return type("Ended", (), {"code": process.returncode, "err": err})

    return run


def random_steps(number: int) -> list[int]:
    print(f"SALT_TEST_SEED={SEED}")  # noqa: T201 - pytest shows it where the test fails
    return sorted(random.Random(SEED).sample(range(1, STEPS), number))


def kill_and_resume(sample, fit, steps, *words) -> None:
    """Train through, then again with a kill at each of some steps, and compare."""
    done = fit("whole", *words)
    assert done.code == 0, done.err
    assert len([row for row in metrics_of(run_of(sample, "whole")) if row["train/loss"]]) == STEPS
    for step in steps:
        killed = fit("killed", *words, DIE_AT=f"step_end:{step}")
        assert killed.code == -9, killed.err
    for _ in range(2):  # one that is done already has nothing to go on with, and stays as it is
        done = fit("killed", *words)
        assert done.code == 0, done.err
        assert_same_training(run_of(sample, "whole"), run_of(sample, "killed"))


@pytest.mark.parametrize(
    ("loader", "workers"), [pytest.param("hdf5", 0, marks=pytest.mark.full), ("packed", 2)]
)
def test_killed_at_two_random_steps(sample, fit, loader, workers):
    words = ("--data.loader", loader, "--data.num_workers", workers)
    kill_and_resume(sample, fit, random_steps(2), *words)


@pytest.mark.full
@pytest.mark.parametrize("loader", ["hdf5", "packed"])
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_five_random_steps(sample, fit, loader, workers):
    kill_and_resume(sample, fit, random_steps(5), "--data.loader", loader, "--data.num_workers", workers)


@pytest.mark.full
@pytest.mark.parametrize("loader", ["hdf5", "packed"])
@pytest.mark.parametrize("workers", [0, 2])
def test_two_ranks_killed_at_five_random_steps(sample, fit_of_two, loader, workers):
    words = ("--data.loader", loader, "--data.num_workers", workers)
    kill_and_resume(sample, fit_of_two, random_steps(5), *words)


MOMENTS = [
    "batch_start:0.0",
    "batch_end:0.0",
    "batch_end:0.4",
    "batch_end:1.0",
    "validation:1.1",
    "epoch_end:1",
    "epoch_start:2",
    "batch_end:2.4",
    "validation:2.2",
    "epoch_end:2",
]
VARIANTS = {
    "plain": (),
    "validated twice": ("--trainer.val_check_interval", "0.5"),
    "accumulated": ("--trainer.accumulate_grad_batches", "2"),
    "accumulated and validated twice": (
        "--trainer.accumulate_grad_batches",
        "2",
        "--trainer.val_check_interval",
        "0.5",
    ),
    "steps": ("--trainer.max_steps", "13"),
    "clipped": ("--trainer.gradient_clip_val", "0.1", "--trainer.precision", "bf16-mixed"),
}


def end_and_resume(sample, fit, moments, by, *words) -> set[str]:
    """Train through, then with a signal at each of some moments, and compare; return those that there were.

    A training that comes to its end because a moment has passed already is followed by a new one.
    """
    assert fit("whole", *words).code == 0
    reached, number = set(), 0
    for moment in [*moments, ""]:
        mark = sample.folder / "reached.0"
        mark.unlink(missing_ok=True)
        done = fit(f"ended{number}", *words, DIE_AT=moment, DIE_BY=by)
        reached |= {moment} if mark.exists() else set()
        assert done.code == 0 or (moment in reached and done.code in (-9, 85)), done.err
        if done.code == 0:
            assert_same_training(run_of(sample, "whole"), run_of(sample, f"ended{number}"))
            number += 1
    assert number > 0
    return reached


@pytest.mark.parametrize("by", ["SIGKILL", pytest.param("SIGTERM", marks=pytest.mark.full)])
def test_ended_in_a_validation_and_between_epochs(sample, fit, by):
    moments = ["validation:0.1", "epoch_start:2"]
    assert end_and_resume(sample, fit, moments, by) == set(moments)


WRITING = ["writing:epoch=000-val_loss", "writing:last.ckpt", "writing:epoch=002-step=0000012"]


@pytest.mark.parametrize("by", ["SIGTERM", pytest.param("SIGKILL", marks=pytest.mark.full)])
def test_ended_while_a_checkpoint_is_written(sample, fit, by):
    """What was written so far is no checkpoint, and goes when the training goes on."""
    assert end_and_resume(sample, fit, WRITING, by) == set(WRITING)
    assert not list(sample.folder.rglob("*.part"))


@pytest.mark.full
@pytest.mark.parametrize("group", ["", "1"])
def test_two_ranks_ended_while_a_checkpoint_is_written(sample, fit_of_two, group):
    """The first rank writes, with the other one waiting."""

    def fit(*words: object, **environment: str):
        return fit_of_two(*words, DIE_GROUP=group, **environment)

    assert end_and_resume(sample, fit, WRITING, "SIGTERM") == set(WRITING)
    assert not list(sample.folder.rglob("*.part"))


@pytest.mark.full
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("by", ["SIGKILL", "SIGTERM"])
def test_ended_at_certain_moments(sample, fit, variant, by):
    reached = end_and_resume(sample, fit, MOMENTS, by, *VARIANTS[variant])
    if variant == "plain" and by == "SIGKILL":
        assert reached == set(MOMENTS)
    assert len(reached) > len(MOMENTS) // 2


NOISE = (
    "weights_only",
    "Received SIGTERM",
    "not empty",
    "dirpath has changed",
    "Traceback",
    "resumable",
    "shutdown",
)


def test_a_training_that_goes_on_says_nothing_that_nobody_can_act_on(sample, fit):
    done = [fit("a", DIE_AT="batch_end:1.2", DIE_BY="SIGTERM"), fit("a")]
    assert [one.code for one in done] == [85, 0]
    assert not [word for word in NOISE for one in done if word in one.err]
    assert "Warning" not in done[1].err.replace("PossibleUserWarning", "Warning")
    assert done[0].err.count("SIGTERM: stopping after this step") == 1
    message = done[0].err.strip().splitlines()[-1]
    checkpoint = run_of(sample, "a") / "ckpts" / "epoch=001-step=0000008.ckpt"
    assert message == f"stopped by SIGTERM after step 8; resume it with --ckpt_path {checkpoint}"


@pytest.fixture
def parent(sample, dying, salt, monkeypatch) -> Path:
    """A run that was stopped in its second epoch."""
    for suffix, moment in (("whole", ""), ("old", "batch_end:1.2")):
        monkeypatch.setenv("DIE_AT", moment)
        monkeypatch.setenv("DIE_BY", "SIGTERM")
        done = salt("fit", *dying, "--log_suffix", suffix)
        assert done.code == (85 if moment else 0), done.err
    monkeypatch.setenv("DIE_AT", "")
    return run_of(sample, "old")


def assert_goes_on_from(parent: Path, checkpoint: Path, new: Path) -> None:
    """Check what a run in a new directory says of its parent and takes over from it."""
    assert_same_training(new.with_name("tiny_whole"), new)
    told = yaml.safe_load((new / "metadata.yaml").read_text())["parent"]
    assert told == {"run": parent.name, "checkpoint": str(checkpoint), "epoch": 1, "step": 8}
    assert metrics_of(parent) == metrics_of(new)[: len(metrics_of(parent))]
    assert checkpoint.exists()


def test_going_on_in_a_new_directory(sample, salt, dying, parent):
    (checkpoint,) = (parent / "ckpts").glob("*step=0000008.ckpt")
    os.utime(run_of(sample, "whole") / "ckpts", ns=(0, 0))
    before = {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()}
    config = parent / "config.yaml"
    ways = {
        "path": ("--config", config, "--ckpt_path", checkpoint),
        "last_of_run": ("--config", config.relative_to(sample.folder), "--ckpt_path", "last"),
        "last_of_name": (*dying, "--ckpt_path", "last"),
    }
    for suffix, words in ways.items():
        done = salt("fit", *words, "-f", "--log_suffix", suffix)
        assert done.code == 0, done.err
        assert_goes_on_from(parent, checkpoint, run_of(sample, suffix))
        os.utime(run_of(sample, suffix) / "ckpts", ns=(0, 0))
    assert {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()} == before
    again = salt("test", "--config", run_of(sample, "path") / "config.yaml")
    assert again.code == 0, again.err


def test_the_last_checkpoint_is_damaged(sample, salt, parent):
    """The one before it takes its place, and is named."""
    newest, older = sorted((parent / "ckpts").glob("*-step=*.ckpt"), reverse=True)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    words = ("--config", parent / "config.yaml", "-f", "--log_suffix")
    done = salt("fit", *words, "new", "--ckpt_path", "last")
    assert done.code == 0, done.err
    assert f"{newest.name} is damaged, the next older checkpoint is taken" in done.err
    told = yaml.safe_load((run_of(sample, "new") / "metadata.yaml").read_text())["parent"]
    assert told["checkpoint"] == str(older)
    assert_same_training(run_of(sample, "whole"), run_of(sample, "new"))
    done = salt("fit", *words, "other", "--ckpt_path", newest)
    assert done.code == 1
    assert f"the checkpoint {newest} is damaged: its bytes do not agree with its checksum" in done.err
    assert not run_of(sample, "other").exists()


def test_a_run_that_was_moved_goes_on(sample, salt, parent):
    """The best checkpoint so far is found where the run now is."""
    moved = sample.folder / "kept" / "old"
    moved.parent.mkdir()
    parent.rename(moved)
    (best,) = (moved / "ckpts").glob("*val_loss*")
    words = ("--ckpt_path", "last", "-f", "--log_suffix", "new", "--trainer.max_epochs", "2")
    config = moved / "config.yaml"
    config.write_text(config.read_text().replace(str(parent), str(moved)))
    done = salt("fit", "--config", config, *words)
    assert done.code == 0, done.err
    losses = [float(row["val/loss"]) for row in metrics_of(run_of(sample, "new")) if row["val/loss"]]
    (kept,) = (run_of(sample, "new") / "ckpts").glob("*val_loss*")
    assert kept.name.startswith(f"epoch={losses.index(min(losses)):03d}")
    assert best.exists()


def rates_of(run: Path) -> dict[int, float]:
    return {int(row["step"]): float(row["lr-AdamW"]) for row in metrics_of(run) if row["lr-AdamW"]}


MONITOR = (
    "--trainer.callbacks.lr",
    "{class_path: lightning.pytorch.callbacks.LearningRateMonitor, init_args: {logging_interval: step}}",
)
LONGER = ("--trainer.max_epochs", "5", "--model.lrs_config.last_epoch", "0")


def expected_rates(steps: int) -> list[float]:
    """Return what one cycle of the tiny model's rates has."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = LearningRate().scheduler(optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(found) < steps:
            scheduler.step()
    return found


BEYOND = (
    "the checkpoint's learning rate ends after 15 steps, this training has 25",
    "give --model.lrs_config.last_epoch 0 to start a new cycle over the 10 that are left",
)


def test_beyond_the_last_epoch_there_is_no_rate(sample, salt, parent):
    """That is known before the run directory is made, and a run that goes on in its own stays as it is."""
    whole = run_of(sample, "whole")
    before = {path: path.read_bytes() for path in sample.folder.rglob("*") if path.is_file()}
    named = ("--ckpt_path", whole / "ckpts" / "last.ckpt")
    for how in ((*named, "--log_suffix", "new"), ("--resume", "--log_suffix", "whole")):
        for command in ("fit", "check"):
            words = ("--config", whole / "config.yaml", "-f", *how, "--trainer.max_epochs", "5")
            done = salt(command, *words)
            assert done.code == 2, done.err
            assert all(said in done.err for said in BEYOND), done.err
            assert "Traceback" not in done.err
    assert {path: path.read_bytes() for path in sample.folder.rglob("*") if path.is_file()} == before


def test_a_longer_training_has_a_new_cycle_over_the_steps_that_are_left(sample, salt, fit):
    assert fit("whole", *MONITOR).code == 0
    whole = run_of(sample, "whole")
    words = ("--config", whole / "config.yaml", "--ckpt_path", "last", *LONGER)
    done = salt("fit", *words, "-f", "--log_suffix", "longer")
    assert done.code == 0, done.err
    longer = run_of(sample, "longer")
    rates = rates_of(longer)
    assert sorted(rates) == list(range(25))
    assert [rates[step] for step in range(15)] == pytest.approx(expected_rates(15))
    assert [rates[step] for step in range(15, 25)] == pytest.approx(expected_rates(10))
    assert last_of(longer)["salt_cycle"]["first_step"] == 15
    moments = [last_of(run)["optimizer_states"][0]["state"][0] for run in (whole, longer)]
    assert [moment["step"].item() for moment in moments] == [15, 25]
    assert yaml.safe_load((longer / "config.yaml").read_text())["model"]["lrs_config"]["last_epoch"] == 0


@pytest.mark.parametrize("how", ["in its directory", pytest.param("in a new one", marks=pytest.mark.full)])
def test_a_new_cycle_goes_on_where_it_was(sample, fit, how):
    """``last_epoch: 0`` is in the configuration that goes on: the cycle must not start again with each resume."""
    assert fit("whole").code == 0
    config = run_of(sample, "whole") / "config.yaml"
    checkpoint = run_of(sample, "whole") / "ckpts" / "last.ckpt"
    first = fit.plain("--config", config, "--ckpt_path", checkpoint, *LONGER, "--log_suffix", "longer")
    assert first.code == 0, first.err
    cut = ("--config", config, "--ckpt_path", checkpoint, *LONGER, "--log_suffix", "cut")
    assert fit.plain(*cut, DIE_AT="batch_end:3.2", DIE_BY="SIGTERM").code == 85
    own = ("--config", run_of(sample, "cut") / "config.yaml", "--log_suffix")
    killed = fit.plain(*own, "cut", "--resume", DIE_AT="batch_end:4.1")
    assert killed.code == -9, killed.err
    where = {"in its directory": ("cut", "--resume"), "in a new one": ("new", "--ckpt_path", "last")}[how]
    done = fit.plain(*own, *where)
    assert done.code == 0, done.err
    assert_same_training(run_of(sample, "longer"), run_of(sample, where[0]))


@pytest.mark.full
def test_a_training_that_had_the_flag_from_its_start_goes_on_in_its_cycle(sample, fit):
    words = ("--model.lrs_config.last_epoch", "0")
    assert end_and_resume(sample, fit, ["batch_end:1.2"], "SIGKILL", *words) == {"batch_end:1.2"}
    assert last_of(run_of(sample, "ended0"))["salt_cycle"]["first_step"] == 0


def test_each_epoch_keeps_its_row_of_times(sample, salt):
    """It is logged after the checkpoint that the next training goes on from."""
    every = ("--trainer.max_epochs", "2", "--trainer.callbacks.checkpoint.save_top_k", "-1")
    done = salt("fit", "--config", sample.config, "-f", "--log_suffix", "whole", *every)
    assert done.code == 0, done.err
    whole = run_of(sample, "whole")
    (first,) = whole.glob("ckpts/epoch=000*.ckpt")
    words = ("--config", whole / "config.yaml", "--ckpt_path", first, "--log_suffix", "other")
    assert salt("fit", "-f", *words).code == 0
    for run in (whole, run_of(sample, "other")):
        timed = [row["epoch"] for row in read_metrics(run / "metrics.csv") if row["time/step"]]
        assert timed == ["0", "1"]

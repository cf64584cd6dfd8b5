"""Signals: a training ends with a checkpoint at its step and leaves nothing; everything else ends at once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from salt_core.training import archive

TWO_RANKS = ("--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "10")
SHM = Path("/dev/shm")

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def run_of(sample, suffix: str = "a") -> Path:
    return sample.folder / "logs" / f"tiny_{suffix}"


def assert_stopped_at(run: Path, name: str) -> None:
    """Check the checkpoint at which a training has stopped, and that nothing half-written is left."""
    path = run / "ckpts" / f"{name}.ckpt"
    assert archive.is_intact(path), sorted(path.parent.iterdir())
    assert archive.load(path)["global_step"] == int(name.rpartition("=")[2])
    newest = max((run / "ckpts").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    assert newest == path
    assert not list(run.rglob("*.part"))


@pytest.mark.parametrize(
    ("by", "workers"),
    [
        ("SIGTERM", 0),
        ("SIGUSR1", 2),
        ("SIGINT", 2),
        pytest.param("SIGTERM", 2, marks=pytest.mark.full),
        pytest.param("SIGUSR1", 0, marks=pytest.mark.full),
        pytest.param("SIGINT", 0, marks=pytest.mark.full),
    ],
)
def test_a_training_stops_before_the_next_step(sample, dying, forked, empty_session, by, workers):
    """With workers the whole process group gets the signal, as from a terminal or a batch system."""
    group = {"DIE_GROUP": "1"} if workers else {}
    words = ("--log_suffix", "a", "--data.num_workers", workers)
    done = forked("fit", *dying, *words, DIE_AT="batch_end:1.2", DIE_BY=by, **group)
    assert done.code == 85, done.err
    assert_stopped_at(run_of(sample), "epoch=001-step=0000008")
    assert "Traceback" not in done.err
    assert "error" not in done.err
    empty_session(done.pid)
    assert not list(SHM.glob(f"*_{done.pid}_*"))


@pytest.mark.parametrize(
    "moment",
    [
        "sanity",
        "batch_end:0.0",
        pytest.param("validation:1.1", marks=pytest.mark.full),
        pytest.param("batch_start:2.4", marks=pytest.mark.full),
    ],
)
def test_moments_that_are_no_boundary(sample, dying, forked, empty_session, moment):
    words = ("--log_suffix", "a", "--data.num_workers", "1")
    done = forked("fit", *dying, *words, DIE_AT=moment, DIE_BY="SIGTERM")
    if moment == "batch_start:2.4":  # the last step, after which the last validation follows
        assert done.code == 85, done.err
        assert_stopped_at(run_of(sample), "epoch=002-step=0000015")
    elif moment == "sanity":
        assert done.code == 85, done.err
        assert not (run_of(sample) / "ckpts").exists()
    else:
        assert done.code == 85, done.err
        step = {"validation:1.1": "epoch=001-step=0000010", "batch_end:0.0": "epoch=000-step=0000001"}[moment]
        assert_stopped_at(run_of(sample), step)
    empty_session(done.pid)


@pytest.mark.parametrize("moment", ["batch_start:1.2", "validation:1.1"])
def test_a_second_ctrl_c_does_not_wait(sample, dying, forked, empty_session, moment):
    words = ("--log_suffix", "a", "--data.num_workers", "1")
    done = forked("fit", *dying, *words, DIE_AT=moment, DIE_BY="SIGINT", DIE_TIMES="2")
    assert done.code == 130, done.err
    assert done.err.strip().endswith("interrupted")
    assert not list(run_of(sample).rglob("*.part"))
    steps = [archive.load(path)["global_step"] for path in (run_of(sample) / "ckpts").glob("*-step=*")]
    assert max(steps) == {"batch_start:1.2": 6, "validation:1.1": 9}[moment]
    empty_session(done.pid)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("call:salt_plugins.dataloaders.packed.packing:_manifest", ("--data.loader", "packed")),
        ("call:salt_plugins.staging.copy.copying:_write", ("--data.move_files_temp", "fast")),
    ],
)
@pytest.mark.parametrize(("by", "code"), [("SIGTERM", 85), ("SIGINT", 130)])
def test_while_files_are_packed_or_copied(sample, dying, forked, empty_session, moment, words, by, code):
    done = forked("fit", *dying, "--log_suffix", "a", *words, DIE_AT=moment, DIE_BY=by)
    assert (sample.folder / "reached.0").exists()
    assert done.code == code, done.err
    assert not run_of(sample).exists()
    places = [Path(os.environ["SALT_CACHE_DIR"]), sample.folder / "fast"]
    assert not [
        path for place in places for path in place.rglob("*") if path.is_file() and path.stat().st_size
    ]
    empty_session(done.pid)


@pytest.mark.skipif(not os.access(SHM, os.W_OK), reason="needs /dev/shm")
def test_staged_copies_in_memory_go_with_the_training(sample, dying, forked, empty_session):
    target = SHM / f"salt-test-{os.getpid()}"
    words = ("--log_suffix", "a", "--data.move_files_temp", target)
    done = forked("fit", *dying, *words, DIE_AT="batch_end:0.2", DIE_BY="SIGTERM")
    assert done.code == 85, done.err
    assert "copied " in done.err
    assert not list(target.glob("*"))
    target.rmdir()
    empty_session(done.pid)


@needs_proc
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 85), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    "seconds",
    [0.1, *(pytest.param(0.2 + i / 20, marks=pytest.mark.full) for i in range(14))],
)
def test_during_imports(sample, dying, started, empty_session, number, code, seconds):
    """Some libraries swallow exceptions while they are imported, so there is none."""
    process = started("fit", *dying, "--log_suffix", "a", "--trainer.max_epochs", "500")
    status, mask = Path(f"/proc/{process.pid}/status"), 1 << (number - 1)
    end = time.monotonic() + 30
    while not answers(status, 1 << (signal.SIGUSR1 - 1)):
        assert time.monotonic() < end
        time.sleep(0.001)
    assert answers(status, mask)
    time.sleep(seconds)
    sent = time.monotonic()
    process.send_signal(number)
    err, _ = process.communicate(timeout=30)
    assert time.monotonic() - sent < 3
    assert process.returncode == code, err
    assert not (sample.folder / "logs").exists()
    assert "Traceback" not in err
    assert err.endswith("interrupted\n") == (code == 130)
    empty_session(process.pid)


@needs_proc
@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("test", signal.SIGTERM, 143),
        pytest.param("check", signal.SIGINT, 130, marks=pytest.mark.full),
        pytest.param("validate", signal.SIGTERM, 143, marks=pytest.mark.full),
        pytest.param("test", signal.SIGINT, 130, marks=pytest.mark.full),
    ],
)
def test_other_commands_during_imports(sample, started, empty_session, command, number, code):
    """An exception in the midst of an import of this plugin file would be swallowed."""
    plugin = sample.folder / "slow.py"
    plugin.write_text(
        "import time\nfrom pathlib import Path\n"
        "try:\n    Path('reached').touch()\n    time.sleep(30)\n"
        "except BaseException:\n    raise ImportError('half of it') from None\n"
    )
    process = started(command, "--config", sample.config, "--plugins", "[slow.py]")
    end = time.monotonic() + 60
    while not (sample.folder / "reached").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(number)
    err, _ = process.communicate(timeout=20)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "half of it" not in err
    assert err.endswith("interrupted\n") == (code == 130)
    empty_session(process.pid)


def answers(status: Path, mask: int) -> bool:
    """Tell whether a process has a handler of its own for a signal."""
    (caught,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt")]
    return bool(int(caught, 16) & mask)


@pytest.mark.parametrize("command", ["test", "validate"])
def test_evaluations_end_at_once(sample, dying, forked, empty_session, command):
    done = forked("fit", *dying, "--log_suffix", "a", "--trainer.max_epochs", "1")
    assert done.code == 0, done.err
    config = run_of(sample) / "config.yaml"
    before = set(sample.folder.rglob("*"))
    moment = {"test": "test:1", "validate": "validation:0.1"}[command]
    words = ("--config", config, "--data.num_workers", "1")
    done = forked(command, *words, DIE_AT=moment, DIE_BY="SIGTERM")
    assert done.code == 143, done.err
    assert {path.name for path in set(sample.folder.rglob("*")) - before} == {"reached.0"}
    assert "Traceback" not in done.err
    empty_session(done.pid)


@needs_proc
@pytest.mark.parametrize(
    ("on", "group", "moment"),
    [
        ("1", "", "batch_end:1.2"),
        pytest.param("0", "", "batch_end:1.2", marks=pytest.mark.full),
        pytest.param("0", "1", "batch_end:1.2", marks=pytest.mark.full),
        pytest.param("0", "", "validation:1.0", marks=pytest.mark.full),
        pytest.param("1", "", "validation:1.0", marks=pytest.mark.full),
        pytest.param("0", "1", "validation:1.0", marks=pytest.mark.full),
        pytest.param("0", "", "sanity", marks=pytest.mark.full),
        pytest.param("1", "", "sanity", marks=pytest.mark.full),
        pytest.param("0", "1", "sanity", marks=pytest.mark.full),
    ],
)
def test_two_ranks_stop_together(sample, dying, started, empty_session, on, group, moment):
    """Whichever rank is asked, all stop at the same step, and the first one's status tells of it."""
    asked = {"DIE_AT": moment, "DIE_BY": "SIGTERM", "DIE_ON": on, "DIE_GROUP": group}
    process = started("fit", *dying, *TWO_RANKS, "--log_suffix", "a", "--data.num_workers", 1, **asked)
    err, _ = process.communicate(timeout=120)
    assert (sample.folder / f"reached.{on}").exists()
    assert process.returncode == 85, err
    assert "Traceback" not in err
    (newest,) = sorted((run_of(sample) / "ckpts").glob("*-step=*"), key=lambda path: path.stat().st_mtime_ns)[
        -1:
    ]
    step = archive.load(newest)["global_step"]
    wanted = {"batch_end:1.2": (8, 9), "validation:1.0": (10,), "sanity": (1, 2)}[moment]
    assert step in wanted
    assert_stopped_at(run_of(sample), newest.stem)
    empty_session(process.pid)


@needs_proc
@pytest.mark.full
@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 3.5, 4.5, 6.0])
def test_two_ranks_are_asked_while_they_start(sample, dying, started, empty_session, seconds):
    """The first one waits for the other one then, deep in a library."""
    process = started("fit", *dying, *TWO_RANKS, "--log_suffix", "a", "--trainer.max_epochs", "500")
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGTERM)
    err, _ = process.communicate(timeout=60)
    assert process.returncode == 85, err
    assert not list(sample.folder.rglob("*.part"))
    empty_session(process.pid)


@needs_proc
@pytest.mark.full
def test_no_rank_outlives_the_first_one(sample, dying, started, empty_session):
    process = started("fit", *dying, *TWO_RANKS, "--log_suffix", "a", DIE_AT="batch_end:1.2")
    process.communicate(timeout=60)
    assert process.returncode == -9
    empty_session(process.pid)


def assert_told_once(sample, process, said: str, outcome: str) -> None:
    """Check that the training ends with status 1, one message, a record of it, and nothing left."""
    sent = time.monotonic()
    err, _ = process.communicate(timeout=60)
    assert time.monotonic() - sent < 40
    assert process.returncode == 1, err
    assert "Traceback" not in err
    assert err.count("error: ") == 1, err
    assert said in err.strip().splitlines()[-1]
    assert "nobody foresaw" not in err
    if outcome:
        told = yaml.safe_load((run_of(sample) / "metadata.yaml").read_text())
        assert (told["outcome"].startswith(outcome), told["exit_status"]) == (True, 1)
    assert not list(sample.folder.rglob("*.part"))


@needs_proc
@pytest.mark.parametrize(
    "moment",
    ["batch_end:1.2", *(pytest.param(one, marks=pytest.mark.full) for one in ("validation:1.0", "sanity"))],
)
def test_a_rank_that_is_killed_ends_the_training(sample, dying, started, empty_session, moment):
    """The first one waits for it: that ends, and which rank it was is said."""
    words = ("--log_suffix", "a", "--data.num_workers", 1, "--data.move_files_temp", "fast")
    process = started("fit", *dying, *TWO_RANKS, *words, DIE_AT=moment, DIE_ON="1")
    assert_told_once(sample, process, "was ended by SIGKILL", "failed: rank 1 (process ")
    empty_session(process.pid)
    assert not [
        path for path in (sample.folder / "fast").rglob("*") if path.is_file() and path.stat().st_size
    ]


DIES_AT_ONCE = """
import os
import salt_core.training.ranks

salt_core.training.ranks.PATIENCE = 1.0
if os.environ.get("LOCAL_RANK") == "1":
    {}
"""


@needs_proc
@pytest.mark.full
@pytest.mark.parametrize(
    ("how", "said"), [("os.kill(os.getpid(), 9)", "was ended by SIGKILL"), ("os._exit(3)", "with status 3")]
)
def test_a_rank_that_dies_before_it_has_met_the_first_one(sample, started, empty_session, how, said):
    """Nothing that the first one does ends then by itself."""
    (sample.folder / "dies.py").write_text(DIES_AT_ONCE.format(how))
    words = ("--config", sample.config, "-f", "--log_suffix", "a", "--plugins", "[dies.py]", *TWO_RANKS)
    process = started("fit", *words)
    assert_told_once(sample, process, said, "")
    assert not run_of(sample).exists()
    empty_session(process.pid)

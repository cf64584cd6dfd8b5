"""Trainings on a real Slurm: two nodes, signals, requeueing to the bit, cancelling, refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from told import metrics_of

from salt_core.submission.records import records

ROOT = Path(__file__).parents[4]

SLOW = '''
import os, signal, time
from pathlib import Path
from lightning.pytorch import Callback
from salt_core import hookimpl


class Slow(Callback):
    """Takes its time, so that a signal finds it in a step."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        time.sleep(0.05)


@hookimpl
def salt_callbacks():
    return {"slow": Slow}
'''


@pytest.fixture
def config(sample) -> Path:
    """The tiny model, slow enough to be interrupted."""
    (sample.folder / "slow.py").write_text(SLOW)
    content = yaml.safe_load(sample.config.read_text())
    content["plugins"] = ["slow.py"]
    content["trainer"] |= {"max_epochs": 6, "callbacks": {"slow": "slow"}}
    sample.config.write_text(yaml.safe_dump(content, sort_keys=False))
    return sample.config


def submit(salt, config, *words):
    done = salt("submit", "slurm", "--config", config, "--force", *words)
    assert done.code == 0, done.err
    return records(Path.cwd())[-1]


def wait(salt, record, phase="done", seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        said = salt("jobs", "status", record.id).out
        if f": {phase}," in said:
            return said
        if ": failed," in said:
            break
        time.sleep(0.5)
    raise AssertionError(f"{said}\n{Path(record.log).read_text() if Path(record.log).exists() else 'no log'}")


def wait_for(path, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not come"
        time.sleep(0.1)


def wait_for_step(record, seconds=60):
    """Wait until srun has started something, for nothing else gets the signal."""
    end = time.monotonic() + seconds
    steps = ["squeue", "--steps", "--noheader", "--format=%i", f"--jobs={record.id}"]
    while f"{record.id}.0" not in subprocess.run(steps, capture_output=True, text=True, check=False).stdout:
        assert time.monotonic() < end
        time.sleep(0.02)


def weights(run):
    return torch.load(run / "ckpts" / "last.ckpt", weights_only=True)["state_dict"]


def same(run, other):
    ours, theirs = weights(run), weights(other)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert metrics_of(run) == metrics_of(other)


def interrupted(salt, config, *words):
    """Submit a training, send it the signal once, and wait until it is done."""
    record = submit(salt, config, "--requeue", *words)
    wait_for(Path(record.run) / "metrics.csv")
    subprocess.run(["scancel", "--signal=USR1", record.id], check=True)
    wait(salt, record)
    return record


def uninterrupted(salt, config, *words):
    done = salt("fit", "--config", config, "--force", "--log_suffix", "whole", *words)
    assert done.code == 0, done.err
    return Path("logs/tiny_whole")


@pytest.mark.full
def test_two_nodes_train_to_the_end(slurm, salt, config):
    record = submit(salt, config, "--nodes", "2", "--gpus_per_node", "1", "--config.trainer.max_epochs=1")
    wait(salt, record)
    said = Path(record.log).read_text()
    assert "GLOBAL_RANK: 1, MEMBER: 2/2" in said
    assert said.count("The run is in") == 1
    assert (Path(record.run) / "ckpts" / "last.ckpt").is_file()
    listed = salt("jobs")
    assert record.id in listed.out
    assert "done" in listed.out
    assert "The run is in" in salt("jobs", "logs", record.id).out


def of_two_ranks(salt_process, config, *words):
    words = ("-f", "--log_suffix", "whole", "--trainer.devices", "2", "--trainer.strategy", "ddp", *words)
    done = salt_process("fit", "--config", config, *words, cwd=Path.cwd())
    assert done.code == 0, done.err
    return Path("logs/tiny_whole")


AS_DOCUMENTED = (
    "submit slurm --config configs/GN2.yaml --config configs/demo.yaml --nodes 2 --gpus_per_node 1"
)


@pytest.mark.full
def test_the_documented_command_trains_the_demo_on_two_nodes(slurm, salt, tmp_path, monkeypatch):
    """As it is written, with --force alone beside it, since a checkout in work has uncommitted changes."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    done = salt(*AS_DOCUMENTED.split(), "--force")
    assert done.code == 0, done.err
    (record,) = records(tmp_path)
    wait(salt, record, seconds=900)
    said = Path(record.log).read_text()
    assert "GLOBAL_RANK: 1, MEMBER: 2/2" in said
    assert "distributed_backend=gloo" in said
    assert said.count("The run is in") == 1
    assert "Traceback" not in said
    metadata = yaml.safe_load((Path(record.run) / "metadata.yaml").read_text())
    assert (metadata["outcome"], metadata["nodes"]) == ("finished", 2)
    losses = [float(row["val/loss"]) for row in metrics_of(Path(record.run)) if row["val/loss"]]
    assert len(losses) == 15
    assert min(losses) < 0.9 * losses[0]


@pytest.mark.full
def test_a_signal_has_it_queued_again_and_go_on_exactly(slurm, salt, config):
    record = interrupted(salt, config, "--salt_log_dir=again", "--config.data.num_workers=2")
    said = Path(record.log).read_text()
    assert "stopped by USR1" in said.replace("SIGUSR1", "USR1")
    assert "queued again after 1 of at most 10 times" in said
    assert Path(record.run).name == "tiny_again"
    assert [path.name for path in Path("logs").iterdir()] == ["tiny_again"]
    same(Path(record.run), uninterrupted(salt, config))


@pytest.mark.full
@pytest.mark.parametrize("moment", [0.0, 0.3, 1.0, 3.0])
def test_a_signal_at_the_start_has_it_queued_again(slurm, salt, config, moment):
    record = submit(salt, config, "--requeue", "--config.trainer.max_epochs=1")
    wait_for_step(record)
    time.sleep(moment)
    subprocess.run(["scancel", "--signal=USR1", record.id], check=True)
    wait(salt, record)
    assert "queued again after 1 of" in Path(record.log).read_text()
    same(Path(record.run), uninterrupted(salt, config, "--trainer.max_epochs", "1"))


@pytest.mark.full
def test_several_nodes_go_on_exactly(slurm, salt, salt_process, config):
    packed = ("--config.data.loader=packed", "--config.data.batch_size=10")
    record = interrupted(salt, config, "--nodes", "2", "--gpus_per_node", "1", *packed)
    words = ("--data.loader", "packed", "--data.batch_size", "10")
    same(Path(record.run), of_two_ranks(salt_process, config, *words))


SLOW_TO_WRITE = """
import time
from pathlib import Path

from salt_core import files

sync = files.sync_one


def slow(path):
    if path.name.startswith(".epoch="):
        Path("writing").touch()
        time.sleep(2)
        Path("writing").unlink()
    sync(path)


files.sync_one = slow
"""


@pytest.mark.full
def test_a_signal_while_a_checkpoint_is_written_has_it_go_on_exactly(slurm, salt, config):
    """The file is written, but not yet on the disk nor under its name, for two seconds."""
    plugin = config.parent / "slow.py"
    plugin.write_text(plugin.read_text() + SLOW_TO_WRITE)
    record = submit(salt, config, "--requeue", "--config.trainer.max_epochs=3")
    wait_for(config.parent / "writing")
    subprocess.run(["scancel", "--signal=USR1", record.id], check=True)
    time.sleep(0.3)
    assert (config.parent / "writing").exists()
    wait(salt, record)
    assert "queued again after 1 of" in Path(record.log).read_text()
    assert not list(Path(record.run).rglob("*.part"))
    same(Path(record.run), uninterrupted(salt, config, "--trainer.max_epochs", "3"))


@pytest.mark.full
def test_a_signal_in_a_validation_has_it_go_on_exactly(slurm, salt, config):
    """It stops within a validation batch, and does the whole validation again."""
    plugin = config.parent / "slow.py"
    plugin.write_text(plugin.read_text().replace("@hookimpl", SLOW_TO_VALIDATE + "\n\n@hookimpl", 1))
    short = ("--config.trainer.max_epochs=2", "--config.data.batch_size=10")
    record = submit(salt, config, "--requeue", *short)
    wait_for(config.parent / "validating")
    subprocess.run(["scancel", "--signal=USR1", record.id], check=True)
    wait(salt, record)
    said = Path(record.log).read_text()
    assert "stopped by SIGUSR1 after step 10;" in said
    assert (config.parent / "validating").read_text().split() == ["0", "0", "1", "2", "3", "4"]
    same(
        Path(record.run), uninterrupted(salt, config, "--trainer.max_epochs", "2", "--data.batch_size", "10")
    )


SLOW_TO_VALIDATE = """
    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        if not trainer.sanity_checking and "SLURM_JOB_ID" in os.environ and trainer.global_step == 10:
            with Path("validating").open("a") as file:
                file.write(f"{batch_idx} ")
            time.sleep(1)
"""


@pytest.mark.full
def test_a_preempted_job_goes_on_exactly(slurm, salt, salt_process, config):
    record = submit(salt, config, "--requeue", "-p", "debug", "--nodes", "2", "--slurm.exclusive", "-g", "1")
    wait_for(Path(record.run) / "metrics.csv")
    urgent = subprocess.run(
        ["sbatch", "--parsable", "-p", "urgent", "-N", "2", "--exclusive", "--wrap", "sleep 3"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert urgent.stdout.strip()
    wait(salt, record, seconds=200)
    assert "stopped by SIGTERM after step" in Path(record.log).read_text()
    same(Path(record.run), of_two_ranks(salt_process, config))


def test_a_cancelled_job_stays_cancelled_and_leaves_nothing(slurm, salt, config, tmp_path):
    stage = tmp_path / "fast"
    words = ("--requeue", "--config.data.num_workers=2", f"--config.data.move_files_temp={stage}")
    record = submit(salt, config, *words, "--config.trainer.max_epochs=500")
    wait_for(Path(record.run) / "metrics.csv")
    assert salt("jobs", "cancel", record.id).code == 0
    wait(salt, record, "cancelled", 60)
    end = time.monotonic() + 20
    while (processes_of(record) or list(stage.glob("*"))) and time.monotonic() < end:
        time.sleep(0.2)
    assert not processes_of(record)
    assert not list(stage.glob("*"))
    assert "queued again" not in Path(record.log).read_text()


@pytest.mark.full
@pytest.mark.parametrize("how", ["it is killed", "its time is over"])
def test_a_job_that_does_not_end_by_itself_leaves_nothing(slurm, salt, config, how):
    """Its workers end with it, and what it has staged in memory has a guardian."""
    stage = Path("/dev/shm") / f"salt-test-{os.getpid()}"
    words = ("--config.data.num_workers=2", f"--config.data.move_files_temp={stage}")
    limit = ("--partition", "short", "--time", "00:01:00") if how == "its time is over" else ()
    record = submit(salt, config, *words, *limit, "--config.trainer.max_epochs=100000")
    wait_for(Path(record.run) / "metrics.csv")
    found = [path for path in processes_of(record) if path.read_bytes().startswith(sys.executable.encode())]
    pids = sorted(int(path.parent.name) for path in found)
    assert len(pids) > 2
    assert list(stage.glob("*"))
    if how == "it is killed":
        os.kill(pids[0], signal.SIGKILL)  # the trainer, which has started the others
    end = time.monotonic() + 150
    while processes_of(record) or list(stage.glob("*")):
        assert time.monotonic() < end, Path(record.log).read_text()
        time.sleep(0.5)
    assert not [path for pid in pids for path in Path("/dev/shm").glob(f"*_{pid}_*")]
    assert ("TIMEOUT" if limit else "FAILED") in wait(salt, record, "failed")
    stage.rmdir()


EXAMPLES = [
    "--tag test_salt --account MY-ACCOUNT --nodes 1 --gpus_per_node 2",
    "--requeue --salt_log_dir=my_requeue_job --signal=SIGUSR1@90",
    "--tag test_salt --account MY-ACCOUNT --nodes 1 --gpus_per_node 2 --config.trainer.max_epochs=1 "
    "--slurm.dependency=afterok:1111111",
]


@pytest.mark.full
@pytest.mark.parametrize("words", EXAMPLES)
def test_the_examples_of_the_documents_are_taken(slurm, tmp_path, monkeypatch, salt, words):
    for name in ("configs", "submit"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    line = [sys.executable, "submit/submit_slurm.py", "--config", "configs/GN2.yaml", *words.split()]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (record,) = records(tmp_path)
    assert record.id in done.stdout
    assert salt("jobs", "cancel", record.id).code == 0


def processes_of(record):
    """List the processes that write into a run's directory, by their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if f"--log_suffix={Path(record.run).name.removeprefix('tiny_')}" in words:
            found.append(path)
    return found


OPTIONS = {
    "account": "root",
    "partition": "short",
    "constraint": "fast|slow",
    "qos": "normal",
    "nodes": 2,
    "gpus_per_node": 2,
    "gpu_type": "v100",
    "cpus_per_task": 4,
    "memory": "4G",
    "exclusive": True,
    "time": "00:01:00",
}


def test_sbatch_takes_every_option(slurm, job, tmp_path):
    from salt_plugins.batch.slurm.backend import Slurm

    described = job(requeue=True, signal="USR1@30", name="a b#c %j ü", options={"comment": "x y"})
    described.folder.mkdir()
    ((name, text),) = Slurm(**OPTIONS).render(described).items()
    (described.folder / name).write_text(text)
    tried = subprocess.run(
        ["sbatch", "--test-only", described.folder / name], capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stderr


def test_a_partition_that_is_not_there(slurm, salt, config):
    done = salt("submit", "slurm", "--config", config, "-p", "nowhere")
    assert done.code == 1
    assert "invalid partition specified: nowhere" in done.err
    assert not list(Path("slurm").iterdir())


@pytest.mark.full
def test_from_inside_a_job_nothing_leaks_in(slurm, salt, config, monkeypatch):
    for name, value in {
        "SLURM_NTASKS_PER_NODE": "3",
        "SBATCH_PARTITION": "nowhere",
        "SLURM_JOB_ID": "1",
    }.items():
        monkeypatch.setenv(name, value)
    record = submit(salt, config, "--config.trainer.fast_dev_run=1")
    monkeypatch.delenv("SLURM_JOB_ID")
    wait(salt, record)


def test_without_slurm(salt, sample, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = salt("submit", "slurm", "--config", sample.config)
    assert done.code == 1
    assert "there is no sbatch on this machine" in done.err
    assert not list(Path("slurm").iterdir())

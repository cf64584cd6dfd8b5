"""Jobs of a real HTCondor: queued, started again, held, removed; trainings that go on to the bit."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from told import metrics_of

from salt_core.interfaces.batch import State
from salt_core.submission.records import records
from salt_plugins.batch.htcondor.backend import HTCondor
from salt_plugins.batch.htcondor.client import queued

ROOT = Path(__file__).parents[4]

SMALL = {"cpus": 1, "gpus": 0, "memory": "200MB"}

SLOW = '''
import time
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

AGAIN = "echo started; [ -e again ] && exit 0; touch again; exit 85"
TOLD = "trap 'echo told; exit 85' TERM; echo started; while :; do sleep 0.1; done"


def wait_until(holds: Callable[[], object], what: object, seconds: float = 60) -> None:
    """Wait for something, and fail where it does not come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.2)


@pytest.fixture
def submitted(pool, tmp_path, monkeypatch) -> Callable[..., str]:
    """Submit a job, and return its number."""
    monkeypatch.chdir(tmp_path)

    def submit(job, **options):
        backend = HTCondor(**SMALL | options)
        job.folder.mkdir(exist_ok=True)
        for name, text in backend.render(job).items():
            (job.folder / name).write_text(text)
            (job.folder / name).chmod(0o755)
        return backend.submit(job)

    return submit


def wait_for(identifier: str, *phases: str, seconds: float = 60) -> State:
    """Wait until a job is in one of some phases."""
    wait_until(
        lambda: HTCondor().status(identifier).phase in phases, lambda: HTCondor().status(identifier), seconds
    )
    return HTCondor().status(identifier)


def agreed(identifier: str) -> State:
    """Return what the daemons say of a job, in the words of the event log."""
    (state,) = queued(identifier).values()
    return state


def test_jobs_are_started_again_held_and_removed(submitted, bash_job, tmp_path):
    again = submitted(bash_job("again", AGAIN, requeue=True, max_restarts=2))
    endless = submitted(bash_job("endless", "echo started; exit 85", requeue=True, max_restarts=1))
    plain = submitted(bash_job("plain", "exit 85"))
    held = submitted(bash_job("held", "sleep 100", options={"periodic_hold": "JobStatus == 2"}))
    never = submitted(bash_job("never", "true", options={"requirements": "Memory > 999999999"}))
    removed = submitted(bash_job("removed", TOLD, requeue=True))
    tasks = submitted(bash_job("tasks", 'echo "$0"', tasks=[("a b",), ('$HOME "c"',)]))
    try:
        assert wait_for(again, "done", "failed").phase == "done"
        assert (tmp_path / "condor" / "again-1.log").read_text() == "started\nstarted\n"
        assert wait_for(plain, "done", "failed").reason == "exit status 85, stopped with a checkpoint"
        assert wait_for(endless, "done", "failed").reason == "exit status 85, stopped with a checkpoint"
        assert (tmp_path / "condor" / "endless-1.log").read_text() == "started\nstarted\n"
        assert wait_for(tasks, "done", "failed").phase == "done"
        logs = [(tmp_path / "condor" / f"tasks-1-{i}.log").read_text() for i in range(2)]
        assert logs == ["a b\n", '$HOME "c"\n']
        assert "PeriodicHold expression 'JobStatus == 2'" in wait_for(held, "held").reason
        assert HTCondor().status(never).phase == "waiting"
        log = tmp_path / "condor" / "removed-1.log"
        wait_until(lambda: log.exists() and "started" in log.read_text(), "it does not start")
        HTCondor().cancel(removed)
        assert wait_for(removed, "cancelled").reason.startswith("via condor_rm")
        for identifier in (again, plain, held, never, removed):
            assert agreed(identifier) == HTCondor().status(identifier)
        time.sleep(6)  # a cycle of the negotiator
        assert log.read_text() == "started\ntold\n"
    finally:
        for identifier in (held, never):
            HTCondor().cancel(identifier)


@pytest.mark.full
def test_a_job_that_is_taken_off_its_machine_is_started_again(submitted, bash_job, tmp_path):
    words = f"[ -e again ] && exit 0; touch again; {TOLD}"
    identifier = submitted(bash_job("vacated", words, requeue=True))
    log = tmp_path / "condor" / "vacated-1.log"
    wait_until(lambda: log.exists() and "started" in log.read_text(), "it does not start")
    subprocess.run(["condor_vacate_job", identifier], check=True, capture_output=True)
    assert wait_for(identifier, "done", "failed").phase == "done"
    assert log.read_text() == "started\ntold\n"


@pytest.mark.full
def test_without_requeue_it_ends_when_it_is_taken_off_its_machine(submitted, bash_job, tmp_path):
    identifier = submitted(bash_job("once", TOLD))
    log = tmp_path / "condor" / "once-1.log"
    wait_until(lambda: log.exists() and "started" in log.read_text(), "it does not start")
    subprocess.run(["condor_vacate_job", identifier], check=True, capture_output=True)
    assert "NumJobStarts > 0" in wait_for(identifier, "done", "failed").reason
    assert log.read_text() == "started\ntold\n"


@pytest.mark.full
def test_a_job_that_stays_in_its_slot(submitted, bash_job, tmp_path):
    again = submitted(bash_job("again", AGAIN, requeue=True), same_slot=True)
    endless = submitted(bash_job("endless", "exit 85", requeue=True, max_restarts=3), same_slot=True)
    assert wait_for(again, "done", "failed").phase == "done"
    events = (tmp_path / "condor" / "again-1.events").read_text()
    assert events.count("Job executing on host") == 1
    assert "CheckpointNumber >= 3" in wait_for(endless, "failed").reason


@pytest.mark.full
def test_the_signal_is_the_one_that_was_asked_for(submitted, bash_job, tmp_path):
    words = f"[ -e again ] && exit 0; touch again; {TOLD.replace('TERM', 'USR1').replace('told', 'usr1')}"
    identifier = submitted(bash_job("signal", words, signal="USR1@20", requeue=True))
    log = tmp_path / "condor" / "signal-1.log"
    wait_until(lambda: log.exists() and "started" in log.read_text(), "it does not start")
    subprocess.run(["condor_vacate_job", identifier], check=True, capture_output=True)
    assert wait_for(identifier, "done", "failed").phase == "done"
    assert log.read_text() == "started\nusr1\n"


@pytest.mark.full
def test_it_works_in_a_folder_with_an_odd_name(submitted, bash_job, tmp_path, monkeypatch):
    folder = tmp_path / "a b'\"; #%d é"
    folder.mkdir()
    monkeypatch.chdir(folder)
    job = replace(bash_job("odd", "pwd"), folder=folder / "condor", name='"quoted" $HOME; é #x')
    assert wait_for(submitted(job), "done", "failed").phase == "done"
    assert job.log.read_text() == f"{folder}\n"


@pytest.mark.full
def test_a_bad_expression_is_refused_in_the_schedulers_words(pool, salt, sample):
    done = salt("submit", "htcondor", "--config", sample.config, "--requirements", "(Memory >")
    assert done.code == 1
    assert "condor_submit" in done.err
    assert "requirements" in done.err.lower()
    assert records(sample.folder) == []


@pytest.mark.full
def test_the_example_of_the_documents_is_taken(pool, tmp_path, monkeypatch, salt):
    for name in ("configs", "submit"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    line = [sys.executable, "submit/submit_htcondor.py", "--config", "configs/GN2.yaml"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (record,) = records(tmp_path)
    assert record.id in done.stdout
    assert salt("jobs", "cancel", record.id).code == 0
    assert wait_for(record.id, "cancelled", "failed").phase == "cancelled"


@pytest.fixture
def config(sample) -> Path:
    """The tiny model, slow enough to be interrupted."""
    (sample.folder / "slow.py").write_text(SLOW)
    content = yaml.safe_load(sample.config.read_text())
    content["plugins"] = ["slow.py"]
    content["trainer"] |= {"max_epochs": 8, "callbacks": {"slow": "slow"}}
    sample.config.write_text(yaml.safe_dump(content, sort_keys=False))
    return sample.config


WORDS = ("--gpus", 0, "--cpus", 1, "--memory", "1GB", "--force", "--requeue", "--salt_log_dir", "again")
PLACE = ("config.data.num_workers=2",)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "ckpts" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.full
@pytest.mark.parametrize("slot", [(), ("--same_slot",)])
def test_a_training_that_is_taken_off_its_machine_goes_on_exactly(pool, salt, config, slot):
    done = salt("submit", "htcondor", "--config", config, *WORDS, *slot, *PLACE)
    assert done.code == 0, done.err
    (record,) = records(Path.cwd())
    run = Path(record.run)
    wait_until(lambda: (run / "metrics.csv").exists() and len(metrics_of(run)) > 4, "it does not train", 120)
    subprocess.run(["condor_vacate_job", record.id], check=True, capture_output=True)
    state = wait_for(record.id, "done", "failed", "held", seconds=180)
    said = Path(record.log).read_text()
    assert state.phase == "done", said
    assert "stopped by SIGTERM after step" in said
    events = next(Path("condor").glob("*.events")).read_text()
    assert events.count("Job executing on host") == 2
    assert [path.name for path in Path("logs").iterdir()] == ["tiny_again"]

    done = salt("fit", "--config", config, "--force", "--log_suffix", "whole")
    assert done.code == 0, done.err
    whole = Path("logs/tiny_whole")
    ours, theirs = weights(run), weights(whole)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert metrics_of(run) == metrics_of(whole)


@pytest.mark.full
def test_a_training_stops_before_its_time_ends_and_goes_on(pool, salt, config):
    words = ("--runtime", 45, "--max_restarts", 1, *PLACE, "config.trainer.max_epochs=5000")
    assert salt("submit", "htcondor", "--config", config, *WORDS, *words).code == 0
    (record,) = records(Path.cwd())
    state = wait_for(record.id, "done", "failed", "held", seconds=200)
    said = Path(record.log).read_text()
    assert state.reason == "exit status 85, stopped with a checkpoint", said
    steps = [int(step) for step in re.findall(r"stopped by the time limit after step (\d+)", said)]
    assert len(steps) == 2, said
    assert 0 < steps[0] < steps[1]
    rows = [row["step"] for row in metrics_of(Path(record.run)) if row["train/loss"]]
    assert rows == [str(step) for step in range(steps[1])]


@pytest.mark.full
def test_a_removed_training_stays_removed_and_leaves_nothing(pool, salt, config, tmp_path):
    stage = tmp_path / "fast"
    words = (*PLACE, f"config.data.move_files_temp={stage}", "config.trainer.max_epochs=500")
    assert salt("submit", "htcondor", "--config", config, *WORDS, *words).code == 0
    (record,) = records(Path.cwd())
    wait_until(lambda: (Path(record.run) / "metrics.csv").exists(), "it does not train", 120)
    assert processes_of(config)
    assert salt("jobs", "cancel", record.id).code == 0
    wait_until(lambda: not processes_of(config), "processes are left")
    assert "cancelled, REMOVED (via condor_rm" in salt("jobs", "status", record.id).out
    assert not list(stage.glob("*"))


def processes_of(config: Path) -> list[Path]:
    """List the processes that train by a configuration."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if str(config) in words:
            found.append(path)
    return found

"""Jobs that are processes of this machine."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from processes import lives, until

from salt_core.errors import ConfigError, RunError
from salt_plugins.batch.local.backend import Local

SAYS = ("bash", "-c", 'echo "$0 $*"; exit "${CODE:-0}"')


@pytest.fixture
def queued(job, tmp_path, monkeypatch):
    """Write and submit a job that runs a bash script."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Local, "folder", "batch")

    def submit(script, *arguments, **changes):
        described = job(command=("bash", "-c", script, "job", *arguments), **changes)
        described.folder.mkdir(exist_ok=True)
        backend = Local()
        for name, text in backend.render(described).items():
            (described.folder / name).write_text(text)
        return backend, backend.submit(described), described.log

    return submit


def over(backend, identifier, seconds=20):
    end = time.monotonic() + seconds
    while (state := backend.status(identifier)).phase == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    return state


def lines(log):
    return log.read_text().splitlines()


def test_it_runs_detached_and_tells_its_outcome(queued):
    backend, identifier, log = queued('ps -o sid= -p $$; echo "$@"', "a b", "c")
    assert over(backend, identifier).phase == "done"
    session, said = lines(log)
    assert int(session) != os.getsid(0)
    assert said == "a b c"


def test_hostile_arguments_arrive_unchanged(job, run_script, hostile):
    (text,) = Local().render(job(hostile)).values()
    assert run_script(text.replace(str(job().folder), "."), {}) == hostile


def test_a_failure_is_told(queued):
    backend, identifier, _ = queued("exit 3")
    state = over(backend, identifier)
    assert (state.phase, state.reason) == ("failed", "exit status 3")


def test_a_job_that_ended_before_its_start_was_read(queued):
    backend, identifier, log = queued("exit 3")
    over(backend, identifier)
    (log.parent / f"{identifier}.process").write_text(f"{os.getpid()} \n")
    assert backend.status(identifier).reason == "exit status 3"


def test_it_starts_again_until_it_is_done(queued):
    count = "n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) > n; [ $n -ge 2 ] || exit 85"
    backend, identifier, log = queued(count, requeue=True)
    assert over(backend, identifier).phase == "done"
    assert lines(log) == [f"started again after {n} of at most 10 times" for n in (1, 2)]


def test_not_more_often_than_allowed(queued):
    backend, identifier, log = queued("exit 85", requeue=True, max_restarts=2)
    assert over(backend, identifier).reason == "exit status 85"
    assert len(lines(log)) == 2


def test_without_requeue_it_ends(queued):
    backend, identifier, log = queued("exit 85")
    assert over(backend, identifier).phase == "failed"
    assert lines(log) == []


def test_tasks_of_an_array_come_one_after_the_other(queued):
    backend, identifier, log = queued('echo "$@"; [ "$1" != 2 ] || exit 4', tasks=[("1",), ("2",), ("3",)])
    assert over(backend, identifier).reason == "exit status 4"
    assert lines(log) == ["1", "2", "3"]


def test_a_cancelled_job_ends_in_its_own_time_and_stays_cancelled(queued):
    script = "trap 'echo saved; exit 85' TERM; echo ready; while :; do sleep 0.05; done"
    backend, identifier, log = queued(script, requeue=True)
    while not lines(log):
        time.sleep(0.02)
    backend.cancel(identifier)
    assert over(backend, identifier).phase == "cancelled"
    assert lines(log) == ["ready", "saved"]


def test_what_does_not_end_is_killed(queued, monkeypatch):
    monkeypatch.setattr("salt_plugins.batch.local.backend.PATIENCE", 0.5)
    backend, identifier, log = queued("trap '' TERM; echo $$; while :; do sleep 0.05; done")
    while not lines(log):
        time.sleep(0.02)
    backend.cancel(identifier)
    assert over(backend, identifier).phase == "failed"
    until(lambda: not lives(int(lines(log)[0])), seconds=5)


def test_one_that_was_killed_has_failed(queued, tmp_path):
    backend, identifier, _ = queued("sleep 30")
    pid = int((tmp_path / "batch" / f"{identifier}.process").read_text().split()[0])
    os.killpg(pid, signal.SIGKILL)
    assert over(backend, identifier).reason == "it ended without a word"


def test_a_number_that_another_process_has_by_now(queued, tmp_path):
    backend, identifier, _ = queued("exit 0")
    over(backend, identifier)
    (tmp_path / "batch" / f"{identifier}.process").write_text(f"{os.getpid()} 1\n")
    assert backend.status(identifier).phase == "done"
    backend.cancel(identifier)


def test_what_is_not_known(queued, tmp_path):
    backend, identifier, _ = queued("exit 0")
    over(backend, identifier)
    with pytest.raises(RunError, match="what is known of job nothing is gone"):
        backend.status("nothing")


def test_there_is_no_scheduler(job):
    with pytest.raises(ConfigError, match="no scheduler that takes dependency"):
        Local().render(job(options={"dependency": "1"}))


def test_from_the_command_line(sample, salt):
    done = salt("submit", "local", "-c", sample.config, "-f", "--wait", "--config.trainer.max_epochs=1")
    assert done.code == 0, done.err
    (run,) = Path("logs").iterdir()
    assert (run / "ckpts" / "last.ckpt").is_file()
    listed = salt("jobs").out.splitlines()
    assert listed[0].split()[:4] == ["id", "backend", "tag", "state"]
    identifier, backend, tag, state = listed[1].split()[:4]
    assert (backend, tag, state) == ("local", "tiny", "done")
    assert f"run {run}" in salt("jobs", "status", identifier).out
    assert "The run is in" in salt("jobs", "logs", identifier).out


def test_a_failed_job_is_a_failure_to_who_waits(sample, salt):
    done = salt("submit", "local", "-c", sample.config, "-f", "--follow", "--config.model.encoder.width=3")
    assert done.code == 1
    assert "there is no such option" in done.out or "width" in done.out
    assert "failed" in done.err

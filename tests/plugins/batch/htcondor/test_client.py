"""HTCondor's programs, by stand-ins: what they are called with, and what is made of what they say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from salt_core.errors import RunError
from salt_core.interfaces.batch import State
from salt_core.submission.records import records
from salt_plugins.batch.htcondor.backend import HTCondor


@pytest.fixture
def backend(tmp_path, monkeypatch) -> HTCondor:
    monkeypatch.chdir(tmp_path)
    return HTCondor()


def table(*rows):
    return "cat <<'E'\n" + "\n".join("\t".join(row) for row in rows) + "\nE"


NOTHING = "undefined"


def test_a_job_is_submitted_by_a_list_of_arguments(backend, job, program, tmp_path):
    noted = program("condor_submit", "pwd > where; echo '71.0 - 71.3'")
    described = job()
    described.folder.mkdir()
    assert backend.submit(described) == "71"
    assert noted.read_text().splitlines() == ["-terse", "batch/gn2-1.sub"]
    assert (tmp_path / "where").read_text().strip() == str(tmp_path)


def test_a_refusal_is_told_in_the_schedulers_words_and_leaves_no_file(program, salt, sample):
    program("condor_submit", "echo 'ERROR: Failed to parse requirements' >&2; exit 1")
    done = salt("submit", "htcondor", "--config", sample.config)
    assert done.code == 1
    assert "ERROR: Failed to parse requirements" in done.err
    assert done.err.count("\n") == 1
    assert list((sample.folder / "condor").iterdir()) == []
    assert records(sample.folder) == []


def test_without_htcondor_there_is_one_clear_message(salt, sample, monkeypatch):
    monkeypatch.setenv("PATH", str(sample.folder))
    done = salt("submit", "htcondor", "--config", sample.config)
    assert done.code == 1
    assert (
        done.err == "error: there is no condor_submit on this machine; is it one that submits to HTCondor?\n"
    )


def test_words_that_are_no_number_are_told(backend, job, program):
    program("condor_submit", "echo 'fine, thanks'")
    with pytest.raises(RunError, match="fine, thanks"):
        backend.submit(job(folder=job().folder.parent))


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (["0", "1", NOTHING, NOTHING, NOTHING, NOTHING], State("waiting", "IDLE")),
        (["0", "2", NOTHING, NOTHING, NOTHING, NOTHING], State("running", "RUNNING")),
        (
            ["0", "5", NOTHING, NOTHING, NOTHING, "Disk quota exceeded"],
            State("held", "HELD", "Disk quota exceeded"),
        ),
        (["0", "6", NOTHING, NOTHING, NOTHING, NOTHING], State("running", "TRANSFERRING_OUTPUT")),
        (["0", "7", NOTHING, NOTHING, NOTHING, NOTHING], State("held", "SUSPENDED")),
        (["0", "9", NOTHING, NOTHING, NOTHING, NOTHING], State("unknown", "9")),
        (["0", "4", "0", NOTHING, NOTHING, NOTHING], State("done", "COMPLETED")),
        (["0", "4", "2", NOTHING, NOTHING, NOTHING], State("failed", "COMPLETED", "exit status 2")),
        (["0", "4", NOTHING, "11", NOTHING, NOTHING], State("failed", "COMPLETED", "ended by signal 11")),
        (
            ["0", "3", NOTHING, NOTHING, "via condor_rm (by user me)", NOTHING],
            State("cancelled", "REMOVED", "via condor_rm (by user me)"),
        ),
        (
            ["0", "3", NOTHING, NOTHING, "The system macro SYSTEM_PERIODIC_REMOVE is TRUE", NOTHING],
            State("failed", "REMOVED", "The system macro SYSTEM_PERIODIC_REMOVE is TRUE"),
        ),
    ],
)
def test_without_an_event_log_the_queue_is_asked(backend, program, row, state):
    noted = program("condor_q", table(row))
    program("condor_history", "exit 1")
    assert backend.status("71") == state
    assert noted.read_text().splitlines()[0] == "71"


def test_a_job_that_has_left_the_queue_is_in_the_history(backend, program):
    program("condor_q", "")
    noted = program("condor_history", table(["0", "4", "0", *[NOTHING] * 3]))
    assert backend.status("71") == State("done", "COMPLETED")
    assert noted.read_text().splitlines()[0] == "71"


def test_a_job_that_nobody_knows_is_unknown(backend, program):
    program("condor_q", "")
    program("condor_history", "")
    assert backend.status("71").phase == "unknown"


def test_one_job_of_a_cluster(backend, program):
    program("condor_q", table(["0", "1", *[NOTHING] * 4], ["1", "2", *[NOTHING] * 4]))
    assert backend.status("71.0").phase == "waiting"
    assert backend.status("71").phase == "running"


def test_the_event_log_is_read_before_any_daemon_is_asked(backend, program, tmp_path):
    program("condor_q", "exit 1")
    (tmp_path / "condor").mkdir()
    log = "000 (071.000.000) 2026-11-25 00:49:22 Job submitted from host: <127.0.0.1:40599>\n...\n"
    (tmp_path / "condor" / "x.events").write_text(log)
    assert backend.status("71").phase == "waiting"


def test_a_queue_that_does_not_answer_is_told(backend, program):
    program("condor_q", "echo 'Failed to fetch ads: CEDAR:6001' >&2; exit 1")
    with pytest.raises(RunError, match="CEDAR:6001"):
        backend.status("71")


def test_cancelling_calls_condor_rm(backend, program):
    noted = program("condor_rm", "")
    backend.cancel("71.1")
    assert noted.read_text().splitlines() == ["71.1"]


def test_salt_jobs_shows_why_a_job_is_held_and_finds_one_of_a_cluster(program, salt, sample):
    program("condor_submit", "echo '71.0 - 71.1'")
    words = ("--array", "config.trainer.max_epochs=1,2", "-t", 'my "tag"')
    assert salt("submit", "htcondor", "--config", sample.config, *words).code == 0
    log = "000 (071.000.000) 2026-11-25 00:49:22 Job submitted from host: <127.0.0.1:40599>\n...\n"
    log += "012 (071.000.000) 2026-11-25 00:49:29 Job was held.\n\tDisk quota exceeded\n\tCode 3 Subcode 0\n...\n"
    (events,) = [path.with_suffix(".events") for path in (sample.folder / "condor").glob("*.sub")]
    events.write_text(log)
    assert 'my "tag": held, HELD (Disk quota exceeded)' in salt("jobs", "status", "71").out
    assert "held" in salt("jobs", "status", "71.0").out
    assert "held" in salt("jobs").out


def test_submitting_imports_no_torch(sample):
    code = (
        "import sys; from salt_core.cli import main; "
        f"code = main(['submit', 'htcondor', '--config', {str(sample.config)!r}, '--dry-run']); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "request_cpus" in done.stdout

"""``salt jobs``: the table, a job's state and log, and what cannot be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core import RunError
from salt_core.commands import jobs
from salt_core.interfaces.batch import State
from salt_core.submission.records import Record


class Scheduler:
    """Tells states that are given one after the other, the last one for ever."""

    def __init__(self, *states: State) -> None:
        self.states = list(states)
        self.cancelled: list[str] = []

    def status(self, identifier: str) -> State:
        del identifier
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def cancel(self, identifier: str) -> None:
        self.cancelled.append(identifier)


@pytest.fixture
def submitted(tmp_path, monkeypatch):
    """Submit jobs to a scheduler of this test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "batch").mkdir()
    backends = {}
    monkeypatch.setattr(jobs, "backend_of", lambda record: backends[record.id])
    monkeypatch.setattr(jobs, "POLL", 0)

    def submit(number: str, *states: State) -> Scheduler:
        backends[number] = Scheduler(*states)
        log, run = tmp_path / "batch" / f"gn2-{number}.log", tmp_path / "logs" / f"gn2_{number}"
        when = f"2026-01-0{number}T03:04:05+00:00"
        record = Record(number, "mine", {}, "gn2", when, str(tmp_path), str(log), str(run), ["salt", "fit"])
        record.write(tmp_path / "batch", f"gn2-{number}")
        return backends[number]

    return submit


def test_the_table_goes_on_where_a_state_cannot_be_asked_for(submitted, salt, monkeypatch):
    submitted("2", State("running", "RUNNING"))
    refusing = submitted("1", State("done"))

    def refuse(identifier: str) -> State:
        raise RunError("no answer")

    monkeypatch.setattr(refusing, "status", refuse)
    assert salt("jobs").out.splitlines() == [
        "id  backend  tag  state    submitted            run directory",
        "1   mine     gn2  unknown  2026-01-01 03:04:05  logs/gn2_1",
        "2   mine     gn2  running  2026-01-02 03:04:05  logs/gn2_2",
    ]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (State("held", "HELD", "no room"), "1 gn2: held, HELD (no room)"),
        (State("running", "RUNNING"), "1 gn2: running, RUNNING"),
        (State("unknown"), "1 gn2: unknown"),
    ],
)
def test_one_job(submitted, salt, state, told):
    submitted("1", state)
    assert salt("jobs", "status", "1").out.splitlines() == [told, "log batch/gn2-1.log, run logs/gn2_1"]


def test_cancelling_is_for_the_backend(submitted, salt):
    scheduler = submitted("1", State("running"))
    assert salt("jobs", "cancel", "1").out == "cancelled 1 gn2\n"
    assert scheduler.cancelled == ["1"]


def test_a_log_is_shown_to_its_last_word(submitted, salt):
    submitted("1", State("running"))
    done = salt("jobs", "logs", "1")
    assert (done.code, done.err) == (2, "error: batch/gn2-1.log: job 1 has said nothing yet\n")
    Path("batch/gn2-1.log").write_text("one\ntwo")
    assert salt("jobs", "logs", "1").out == "one\ntwo\n"


def test_a_log_is_followed_until_the_job_is_over(submitted, salt):
    scheduler = submitted("1", State("waiting"), State("running"), State("failed"))
    Path("batch/gn2-1.log").write_text("one\ntwo")
    assert salt("jobs", "logs", "1", "--follow").out == "one\ntwo\n"
    assert len(scheduler.states) == 1


def test_mistakes_are_one_message(submitted, salt):
    submitted("1", State("done"))
    assert salt("jobs", "lgs", "1").err == (
        "error: 'salt jobs' has no command 'lgs': did you mean 'logs'? Choices: cancel, logs, status\n"
    )
    assert "no job '7' was submitted from" in salt("jobs", "status", "7").err

"""Records of jobs, and what their logs say."""

from __future__ import annotations

import pytest

from salt_core.errors import ConfigError, DataError
from salt_core.submission.follow import Follower
from salt_core.submission.records import Record, record_of, records


def record(number, when="2026-01-01T00:00:00+00:00"):
    return Record(
        number, "slurm", {"nodes": 2}, "gn2", when, "/here", "/here/log", "/here/run", ["salt", "fit"]
    )


def test_they_come_back_oldest_first(tmp_path):
    for folder, number, when in (("slurm", "2", "2026-02"), ("local", "7", "2026-01")):
        (tmp_path / folder).mkdir()
        record(number, when).write(tmp_path / folder, f"gn2-{number}")
    assert [found.id for found in records(tmp_path)] == ["7", "2"]
    assert record_of(tmp_path, "2") == record("2", "2026-02")
    assert record_of(tmp_path, "2_1").id == "2"


def test_one_that_is_not_known(tmp_path):
    (tmp_path / "slurm").mkdir()
    record("2").write(tmp_path / "slurm", "gn2-2")
    with pytest.raises(ConfigError, match=r"no job '3' was submitted from .*known: 2"):
        record_of(tmp_path, "3")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"id": 1}'])
def test_a_damaged_one(tmp_path, text):
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "x.job.json").write_text(text)
    with pytest.raises(DataError, match="is no record of a job"):
        records(tmp_path)


def test_a_log_is_followed_line_by_line(tmp_path):
    said = []
    log = tmp_path / "a-1.log"
    follower = Follower(str(tmp_path / "a-*.log"), said.append)
    follower.say_more()
    log.write_text("one\ntwo\nthr")
    follower.say_more()
    with log.open("a") as file:
        file.write("ee\n")
    follower.say_more()
    follower.say_more()
    assert said == ["one\ntwo", "three"]
    log.write_text("anew\n")
    (tmp_path / "a-2.log").write_text("other\n")
    follower.say_more()
    assert said[2:] == ["anew", "other"]
    log.write_text("anew\nKilled")
    follower.say_more()
    assert said[4:] == []
    follower.say_more(last=True)
    assert said[4:] == ["Killed"]

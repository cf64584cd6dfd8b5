"""From what is asked for to the description of a job."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from salt_core import BatchBackend
from salt_core.errors import ConfigError
from salt_core.interfaces.batch import State
from salt_core.submission.environment import Environment
from salt_core.submission.job import Asked, job_of
from salt_core.submission.words import Words

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PYTHON = (sys.executable, "-m", "salt_core")


class Nowhere(BatchBackend):
    """A scheduler that has two devices."""

    def arguments(self):
        return {"--trainer.devices": "2"}

    def render(self, job):
        return {}

    def submit(self, job):
        return "1"

    def status(self, identifier):
        return State("done")

    def cancel(self, identifier):
        pass


@pytest.fixture
def asked(sample):
    return Asked((str(sample.config),), Words({}, ()))


def describe(asked, **changes):
    return job_of(replace(asked, **changes), Nowhere(), NOW)


def test_a_plain_job(asked, sample):
    job, run = describe(asked)
    assert (job.name, job.stem, job.folder) == ("tiny", "tiny-20260102-T030405", sample.folder / "jobs")
    assert job.command == (
        *PYTHON,
        "fit",
        "--config",
        str(sample.config),
        "--log_suffix=tiny-20260102-T030405",
        "--trainer.devices=2",
    )
    assert run.path == sample.folder / "logs" / "tiny_tiny-20260102-T030405"
    assert not job.requeue


def test_what_the_user_says_counts_more(asked, sample):
    words = Words(
        {"hold": None}, ("--trainer.devices=4", "--name=mine", "--trainer.default_root_dir", "runs")
    )
    job, run = describe(asked, words=words, salt_log_dir="a", requeue=True, force=True, tag="my job")
    assert job.command[-5:] == (*words.fit, "--resume", "--force")[-5:]
    assert "--trainer.devices=2" not in job.command
    assert run.path == sample.folder / "runs" / "mine_a"
    assert (job.name, job.stem, job.options) == ("my job", "my_job-20260102-T030405", {"hold": None})


def test_a_second_job_within_a_second(asked, sample):
    (sample.folder / "jobs").mkdir()
    (sample.folder / "jobs" / "tiny-20260102-T030405.sh").touch()
    assert describe(asked)[0].stem == "tiny-20260102-T030405-2"


def test_each_task_of_an_array_has_a_run_of_its_own(asked):
    job, _ = describe(asked, array=["config.a=1,2"], salt_log_dir="x")
    assert job.tasks == [("--a=1", "--log_suffix=x_0"), ("--a=2", "--log_suffix=x_1")]
    assert not any(word.startswith("--log_suffix") for word in job.command)


def test_the_folder_of_runs_of_the_configuration(asked, sample):
    other = sample.folder / "elsewhere"
    other.mkdir()
    (other / "root.yaml").write_text("name: deep\ntrainer: {default_root_dir: /runs}\n")
    _, run = describe(asked, configs=(str(sample.config), str(other / "root.yaml")), salt_log_dir="x")
    assert run.path == Path("/runs/deep_x")


@pytest.mark.parametrize("tag", ["a\nb", " ", "x\x00y"])
def test_names_that_cannot_be(asked, tag):
    with pytest.raises(ConfigError, match="--tag"):
        describe(asked, tag=tag)


def test_without_a_configuration(asked):
    with pytest.raises(ConfigError, match="give a configuration"):
        describe(asked, configs=())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trainer: 5", "trainer: must be a mapping of options, got 5"),
        ("trainer: {default_root_dir: [a]}", r"trainer\.default_root_dir: must be str, got \['a'\]"),
        ("name: {a: b}", "name: must be str, got {'a': 'b'}"),
    ],
)
def test_a_configuration_that_names_no_folder_of_runs(asked, sample, text, said):
    sample.config.write_text(text)
    with pytest.raises(ConfigError, match=f"^{said}$"):
        describe(asked)


def test_conda(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"--conda_env: there is no environment in .*/conda"):
        Environment("conda").command(["fit"])
    named = Environment("conda", conda_env="salt env").command(["fit", "$x"])
    assert named[:2] == ("bash", "-c")
    assert named[3:] == ("salt env", "fit", "$x")
    (tmp_path / "conda").mkdir()
    assert Environment("conda").command(["fit"])[3] == str(tmp_path / "conda")


def test_conda_becomes_python(tmp_path, monkeypatch, run_with_programs):
    """The conda here is one of ours: it cannot be had on every machine."""
    programs = {
        "conda": 'echo \'conda() { test "$1" = activate && export ACTIVE="$2"; }\'',
        "python": 'echo "$ACTIVE" "$@"',
    }
    said = run_with_programs(programs, Environment("conda", conda_env="my env").command(["fit", "a b"]))
    assert said == "my env -m salt_core fit a b"


def test_singularity(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="--container"):
        Environment("singularity").command(["fit"])
    found = Environment("singularity", container="salt.sif", bind=("/a", "/b:/c")).command(["fit"])
    start = ("singularity", "exec", "--nv", "--pwd", str(tmp_path), "--bind", "/a", "--bind", "/b:/c")
    assert found == (*start, "salt.sif", "python", "-m", "salt_core", "fit")


def test_singularity_takes_further_arguments(tmp_path):
    given = ("--cleanenv --env 'A=b c'", "--containall")
    found = Environment("singularity", container="salt.sif", container_args=given).command([])
    place = found.index("salt.sif")
    assert found[place - 4 : place] == ("--cleanenv", "--env", "A=b c", "--containall")
    with pytest.raises(ConfigError, match=r"--container_args: .* is not quoted as for a shell"):
        Environment("singularity", container="x", container_args=("--env 'A",)).command([])


def test_a_container_from_the_command_line(sample, salt):
    words = ("-e", "singularity", "--container", "salt.sif", "-b", "/data", "--container_args", "--cleanenv")
    for backend in ("slurm", "htcondor", "local"):
        done = salt("submit", backend, "--config", sample.config, *words, "--dry-run")
        assert done.code == 0, done.err
        assert f"--pwd {sample.folder} --bind /data --cleanenv salt.sif python -m salt_core fit" in done.out


def test_what_is_left_out_here_is_left_out_in_the_job(asked, monkeypatch):
    monkeypatch.setenv("SALT_BLOCK_PLUGINS", "salt_plugin_a,focal")
    job, _ = describe(asked)
    assert job.command[-2:] == ("--no-plugin=focal", "--no-plugin=salt-plugin-a")

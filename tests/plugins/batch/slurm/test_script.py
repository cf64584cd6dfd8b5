"""The batch script is a pure function; a real bash runs it."""

from __future__ import annotations

import shlex
import sys

import pytest

from salt_core.errors import ConfigError
from salt_plugins.batch.slurm.backend import Slurm

SRUN = {"srun": 'shift; exec "$@"'}


def render(job, **options):
    (text,) = Slurm(**options).render(job).values()
    return text


def directives(text):
    return [line.removeprefix("#SBATCH --") for line in text.splitlines() if line.startswith("#SBATCH")]


def test_every_option_has_its_directive(job, tmp_path):
    given = {
        "account": "ATLAS",
        "partition": "gpu",
        "constraint": "a100|h100",
        "qos": "high",
        "nodes": 2,
        "gpus_per_node": 4,
        "gpu_type": "v100",
        "cpus_per_task": 8,
        "memory": "64G",
        "exclusive": True,
        "time": "12:00:00",
    }
    text = render(
        job(requeue=True, signal="SIGUSR1@90", options={"dependency": "afterok:1", "hold": None}), **given
    )
    assert directives(text) == [
        'job-name="gn2"',
        f'chdir="{tmp_path}"',
        f'output="{tmp_path}/batch/gn2-1.log"',
        f'error="{tmp_path}/batch/gn2-1.log"',
        'open-mode="append"',
        'nodes="2"',
        'ntasks-per-node="4"',
        'account="ATLAS"',
        'partition="gpu"',
        'constraint="a100|h100"',
        'qos="high"',
        'mem="64G"',
        'time="12:00:00"',
        'gres="gpu:v100:4"',
        'cpus-per-task="8"',
        "exclusive",
        "requeue",
        'signal="USR1@90"',
        'dependency="afterok:1"',
        "hold",
    ]
    assert "export SRUN_CPUS_PER_TASK=8" in text.splitlines()


def test_the_whole_script_of_a_plain_job(job, tmp_path):
    text = render(job().__class__("gn2", ("salt", "fit", "a b"), tmp_path, "gn2-1"))
    head, body = text.split("\n\n", 1)
    assert head.startswith("#!/bin/bash\n#SBATCH")
    assert body == "srun --export=ALL salt fit 'a b'\nstatus=$?\nexit \"$status\"\n"
    assert "no-requeue" in directives(text)


def test_options_that_the_trainer_has_to_know():
    assert Slurm().arguments() == {"--trainer.devices": "1", "--trainer.num_nodes": "1"}
    assert Slurm(nodes=3, gpus_per_node=4, cpus_per_task=6).arguments() == {
        "--trainer.devices": "4",
        "--trainer.num_nodes": "3",
        "--data.num_workers": "6",
    }


def test_hostile_arguments_arrive_unchanged(job, run_script, hostile):
    assert run_script(render(job(hostile)), SRUN) == hostile


def test_hostile_arguments_of_an_array(job, run_script, hostile):
    tasks = [(f"--x={text}", text) for text in hostile]
    text = render(job(["fit"], tasks=tasks))
    for number, words in enumerate(tasks):
        assert run_script(text, SRUN, SLURM_ARRAY_TASK_ID=str(number)) == ["fit", *words]


def test_hostile_names_are_quoted(job, hostile):
    quoted = [text for text in hostile if text and not set(text) & set('"\\\n\t')]
    assert len(quoted) > 5
    for name in quoted:
        assert directives(render(job(name=name)))[0] == f'job-name="{name}"'


@pytest.mark.parametrize("name", ['a "b"', "a\\b", "a\nb", "a\tb", "a\x1bb"])
def test_what_cannot_be_quoted_is_refused(job, name):
    with pytest.raises(ConfigError, match=r"--job-name: .* cannot stand in a batch script"):
        render(job(name=name))


def test_percent_signs_of_paths_are_not_for_slurm(job, tmp_path):
    text = render(job(folder=tmp_path / "50%_a" / "slurm"))
    assert f'output="{tmp_path}/50%%_a/slurm/gn2-1.log"' in directives(text)


@pytest.mark.parametrize("name", ["bash", "interactive"])
def test_names_that_lightning_takes_for_interactive_jobs(job, name):
    with pytest.raises(ConfigError, match=r"--tag: .*choose another name"):
        render(job(name=name))


@pytest.mark.parametrize(
    ("given", "written"),
    [("SIGUSR1@90", "USR1@90"), ("usr1@90", "USR1@90"), ("TERM", "TERM"), ("B:USR1@60", "USR1@60")],
)
def test_signals(job, given, written):
    assert f'signal="{written}"' in directives(render(job(signal=given)))


@pytest.mark.parametrize("given", ["USR2@90", "90", "USR1@", "USR1@x", "KILL@10"])
def test_signals_that_no_training_answers(job, given):
    with pytest.raises(ConfigError, match="--signal"):
        render(job(signal=given))


@pytest.mark.parametrize("option", ["nodes", "gpus_per_node", "cpus_per_task"])
def test_numbers_below_one(option):
    with pytest.raises(ConfigError, match=f"--{option}: 0 is too few"):
        Slurm(**{option: 0})


REQUEUED = {
    "srun": "exit 85",
    "scontrol": 'echo "$@" > asked',
    "squeue": 'echo "${STATE-RUNNING}"',
}


def ends_with_85(job, run_script, tmp_path, **environment):
    """Run a job that asks to be queued again, and return what the scheduler was told."""
    text = render(job(requeue=True, max_restarts=3)).replace(
        'exit "$status"', f"echo [] > {tmp_path}/machine/said.json"
    )
    run_script(text, REQUEUED, SLURM_JOB_ID="7", **environment)
    asked = tmp_path / "machine" / "asked"
    return shlex.split(asked.read_text()) if asked.exists() else None


def test_a_signal_that_comes_too_early_waits(job, run_script):
    """Our own command shows which signals it was started with held back."""
    show = "import json, signal; print(json.dumps([s.name for s in signal.pthread_sigmask(0, [])]))"
    text = render(
        job(command=(sys.executable, "-c", f"{show[:-1]}, file=open('said.json', 'w'))"), requeue=True)
    )
    assert run_script(text, SRUN) == ["SIGUSR1"]


def test_a_job_that_asks_for_it_is_queued_again(job, run_script, tmp_path):
    assert ends_with_85(job, run_script, tmp_path, SLURM_RESTART_COUNT="2") == ["requeue", "7"]


def test_not_more_often_than_allowed(job, run_script, tmp_path):
    assert ends_with_85(job, run_script, tmp_path, SLURM_RESTART_COUNT="3") is None


@pytest.mark.parametrize("state", ["CANCELLED", "COMPLETING", ""])
def test_a_cancelled_job_stays_cancelled(job, run_script, tmp_path, state):
    assert ends_with_85(job, run_script, tmp_path, STATE=state) is None

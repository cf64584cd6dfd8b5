"""The command lines of the specification, as they are written there."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(line: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line, at the top of the repository, by the Python of the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = os.environ | {"PATH": path} | environment
    return subprocess.run(
        shlex.split(line), cwd=cwd, env=variables, capture_output=True, text=True, check=False
    )


def dry_run(line: str) -> str:
    """Return the files that a command line would submit."""
    done = run(f"{line} --dry-run")
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(text: str) -> list[str]:
    """Return the arguments of ``salt`` in a script."""
    (line,) = [line for line in text.splitlines() if " -m salt_core " in line]
    return shlex.split(line.partition(" -m salt_core ")[2])


def directives(text: str) -> list[str]:
    return [line.removeprefix("#SBATCH --") for line in text.splitlines() if line.startswith("#SBATCH")]


CONFIG = ["--config", str(ROOT / "configs" / "GN2.yaml")]


def test_htcondor():
    text = dry_run("python submit/submit_htcondor.py --config configs/GN2.yaml")
    assert text.startswith("# condor/GN2-")
    assert 'MY.JobBatchName = "GN2"' in text.splitlines()
    assert command(text)[:3] == ["fit", *CONFIG]


def test_slurm_with_nodes_and_gpus():
    text = dry_run(
        "python submit/submit_slurm.py --config configs/GN2.yaml --tag test_salt --account MY-ACCOUNT "
        "--nodes 1 --gpus_per_node 2"
    )
    wanted = [
        'job-name="test_salt"',
        'account="MY-ACCOUNT"',
        'nodes="1"',
        'ntasks-per-node="2"',
        'gres="gpu:2"',
    ]
    assert set(wanted) <= set(directives(text))
    assert "--trainer.devices=2" in command(text)
    assert "--trainer.num_nodes=1" in command(text)


def test_slurm_that_is_queued_again():
    text = dry_run(
        "python submit/submit_slurm.py --config configs/GN2.yaml --requeue --salt_log_dir=my_requeue_job "
        "--signal=SIGUSR1@90"
    )
    assert {"requeue", 'signal="USR1@90"'} <= set(directives(text))
    assert "--log_suffix=my_requeue_job" in command(text)
    assert 'scontrol requeue "$SLURM_JOB_ID"' in text


def test_slurm_with_words_for_the_scheduler_and_the_configuration():
    text = dry_run(
        "python submit/submit_slurm.py --config configs/GN2.yaml --tag test_salt --account MY-ACCOUNT --nodes 1 "
        "--gpus_per_node 2 --config.trainer.max_epochs=1 --slurm.dependency=afterok:1111111 "
    )
    assert 'dependency="afterok:1111111"' in directives(text)
    assert "--trainer.max_epochs=1" in command(text)


@pytest.mark.parametrize("form", ["submit/submit_slurm.sh", "bash submit/submit_slurm.sh"])
def test_the_older_script_takes_the_same_options(form):
    text = dry_run(f"{form} --config configs/demo.yaml --tag 'two words'")
    assert 'job-name="two words"' in directives(text)
    assert command(text)[:3] == ["fit", "--config", str(ROOT / "configs" / "demo.yaml")]


def test_the_older_script_submits_gn2_where_nothing_is_said(tmp_path):
    refusing = tmp_path / "sbatch"
    refusing.write_text("#!/bin/bash\necho refused: no queue >&2\nexit 1\n")
    refusing.chmod(0o755)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = run(str(ROOT / "submit" / "submit_slurm.sh"), cwd=tmp_path, PATH=path)
    assert done.returncode == 1
    assert "slurm/GN2-" in done.stderr
    assert "refused: no queue" in done.stderr


def test_a_mistake_is_the_exit_status():
    done = run("python submit/submit_htcondor.py --config configs/none.yaml --dry-run")
    assert done.returncode == 2
    assert "none.yaml" in done.stderr


def test_flags_behind_two_dashes_arrive_as_they_are():
    words = ["--data.num_workers=0", "--name", "a b", "--", "$(x)"]
    done = run(f"python submit/submit_slurm.py --dry-run --config configs/GN2.yaml -- {shlex.join(words)}")
    assert done.returncode == 0, done.stderr
    assert command(done.stdout)[-len(words) :] == words

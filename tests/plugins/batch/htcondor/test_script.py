"""The script of a job, run by a real bash."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from salt_core.errors import ConfigError
from salt_core.interfaces.batch import Job
from salt_plugins.batch.htcondor.script import script


def run(job, *words, image=None):
    """Have bash run the script of `job` as HTCondor does, from a folder of its own."""
    job.folder.mkdir(parents=True, exist_ok=True)
    elsewhere = job.folder / "scratch"
    elsewhere.mkdir(exist_ok=True)
    path = job.folder / "job.sh"
    path.write_text(script(job, image), encoding="utf-8")
    return subprocess.run(
        ["/bin/bash", str(path), *words], cwd=elsewhere, capture_output=True, text=True, check=False
    )


def test_the_whole_script_of_a_plain_job(tmp_path):
    job = Job("gn2", ("salt", "fit", "a b"), tmp_path / "condor", "gn2-1")
    assert script(job, None) == (
        f"#!/bin/bash\ncd {tmp_path} || exit\nexec >> {tmp_path}/condor/gn2-1.log 2>&1\nexec salt fit 'a b'\n"
    )


def test_the_whole_script_of_an_array(tmp_path):
    tasks = [("--a=1", "--b=x y"), ("--a=2",)]
    job = Job("gn2", ("salt", "fit"), tmp_path / "condor", "gn2-1", tasks=tasks)
    assert script(job, None) == (
        "#!/bin/bash\n"
        'case "$1" in\n'
        "    0) more=(--a=1 '--b=x y') ;;\n"
        "    1) more=(--a=2) ;;\n"
        "    *) exit 2 ;;\n"
        "esac\n"
        f"cd {tmp_path} || exit\n"
        f'exec >> {tmp_path}/condor/gn2-1-"$1".log 2>&1\n'
        'exec salt fit "${more[@]}"\n'
    )


def test_hostile_arguments_arrive_and_nothing_else_is_run(job, hostile, tmp_path):
    done = run(job(hostile))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "said.json").read_text()) == hostile
    assert not list(tmp_path.rglob("planted"))


def test_hostile_arguments_of_tasks_arrive(job, hostile, tmp_path):
    array = job(["--first"], tasks=[("--other",), tuple(hostile)])
    assert run(array, "1").returncode == 0
    assert json.loads((tmp_path / "said.json").read_text()) == ["--first", *hostile]
    assert (array.folder / "gn2-1-1.log").is_file()
    assert run(array, "2").returncode == 2
    assert not list(tmp_path.rglob("planted"))


def test_it_works_in_hostile_folders(job, hostile, tmp_path):
    for name in [*(name.replace("/", "_") for name in hostile if name), "$(X) $$(Y)"]:
        folder = tmp_path / name
        done = run(replace(job(["x"]), folder=folder / "condor"))
        assert done.returncode == 0, done.stderr
        assert json.loads((folder / "said.json").read_text()) == ["x"]


def test_its_log_outlives_a_second_start_and_the_status_is_that_of_the_command(tmp_path):
    job = Job("gn2", ("/bin/bash", "-c", "echo started; echo odd >&2; exit 85"), tmp_path / "condor", "gn2-1")
    assert [run(job).returncode for _ in range(2)] == [85, 85]
    assert job.log.read_text() == "started\nodd\n" * 2


def test_it_becomes_the_command_which_gets_the_signals_itself(tmp_path):
    words = "trap 'exit 85' TERM; echo ready; while :; do sleep 0.1; done"
    job = Job("gn2", ("/bin/bash", "-c", words), tmp_path / "condor", "gn2-1")
    job.folder.mkdir()
    path = tmp_path / "job.sh"
    path.write_text(script(job, None))
    with subprocess.Popen(["/bin/bash", str(path)]) as started:
        while not job.log.exists() or not job.log.read_text():
            time.sleep(0.05)
        started.terminate()
        assert started.wait(10) == 85


def test_a_folder_that_is_gone_is_told(tmp_path):
    job = Job("gn2", ("true",), tmp_path / "condor", "gn2-1")
    path = tmp_path / "job.sh"
    path.write_text(script(replace(job, folder=tmp_path / "gone" / "condor"), None))
    done = subprocess.run(["/bin/bash", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "gone" in done.stderr


def test_a_container_has_a_python_of_its_own(tmp_path):
    job = Job("gn2", (sys.executable, "-m", "salt_core", "fit"), tmp_path / "condor", "gn2-1")
    assert script(job, "x.sif").splitlines()[-1] == "exec python -m salt_core fit"
    assert script(job, None).splitlines()[-1] == f"exec {sys.executable} -m salt_core fit"
    with pytest.raises(ConfigError, match="leave -e singularity out"):
        script(replace(job, command=("singularity", "exec", "x.sif")), "x.sif")

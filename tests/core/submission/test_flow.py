"""Submitting: what cannot be written, and bad values, are told in one message."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDERS = {"slurm": "slurm", "htcondor": "condor", "local": "local"}


@pytest.mark.parametrize("backend", FOLDERS)
def test_a_folder_that_cannot_be_written(sample, salt, backend):
    """Root may write anywhere, but not into a file."""
    folder = Path(FOLDERS[backend])
    folder.write_text("a file\n")
    done = salt("submit", backend, "--config", sample.config)
    assert done.code == 1
    assert done.err.strip() == f"error: {folder.absolute()} cannot be written: File exists"
    assert folder.read_text() == "a file\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("slurm", "--nodes", "two"), "'two' is not a valid integer"),
        (("slurm", "--nodes", "0"), "--nodes: 0 is too few"),
        (("slurm", "--gpu_type", "v100"), "--gpu_type: give --gpus_per_node too"),
        (("slurm", "--signal", "KILL@10"), "--signal: 'KILL@10' is not a signal that a training answers"),
        (("htcondor", "--memory", "much"), "--memory: 'much'"),
        (("htcondor", "--runtime", "soon"), "--runtime: 'soon' is no length of time"),
        (("local", "--max_restarts", "0"), "0 is not in the range"),
        (("local", "--environment", "docker"), "'docker' is not one of"),
        (("local", "--environment", "singularity"), "--container: give the image"),
        (("local", "slurm.partition=x"), "slurm.partition"),
        (("local", "--frce"), "--frce"),
    ],
)
def test_bad_values_are_told_with_their_option(sample, salt, words, said):
    backend, *rest = words
    done = salt("submit", backend, "--config", sample.config, *rest)
    assert done.code == 2, done.err
    assert said in done.err
    assert done.err.startswith("error: ")
    assert len(done.err.strip().splitlines()) == 1
    assert not Path(FOLDERS[backend]).exists()

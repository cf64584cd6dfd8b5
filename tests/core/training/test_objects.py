"""What stands between a configuration and its objects, told as a mistake of the configuration."""

from __future__ import annotations

import warnings

import pytest
from lightning.fabric.plugins.environments import SLURMEnvironment

from salt_core import ConfigError
from salt_core.training.objects import _refusals_told, quieten_lightning


def fail_as_jsonargparse_does() -> None:
    try:
        make_logger()
    except ValueError as error:
        raise ValueError("Does not validate against any of the Union subtypes") from error


def make_logger() -> None:
    try:
        raise ModuleNotFoundError("No module named 'mlflow'.\n  Try `pip install mlflow`")
    except ModuleNotFoundError as error:
        raise ValueError("Problem with given class_path 'lightning.pytorch.loggers.MLFlowLogger':") from error


def test_a_package_that_is_missing_is_named_with_the_class_that_needs_it():
    with pytest.raises(ConfigError) as caught, _refusals_told():
        fail_as_jsonargparse_does()
    assert str(caught.value) == (
        "trainer: lightning.pytorch.loggers.MLFlowLogger needs a package that is not installed: "
        "No module named 'mlflow'. Try `pip install mlflow`"
    )


def test_other_errors_are_left_as_they_are():
    with pytest.raises(ValueError, match="something else") as caught, _refusals_told():
        raise ValueError("something else")
    assert not isinstance(caught.value, ConfigError)


@pytest.mark.parametrize("in_job", [False, True])
def test_srun_is_advised_inside_a_job_alone(tmp_path, monkeypatch, in_job):
    (tmp_path / "srun").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("SLURM_JOB_ID", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    if in_job:
        monkeypatch.setenv("SLURM_JOB_ID", "7")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        quieten_lightning()
        SLURMEnvironment.detect()
    assert any("srun" in str(one.message) for one in told) is in_job

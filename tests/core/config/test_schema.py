"""The options of a run, and which of them do not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.config.schema import OF_ONE_CALL, RunOptions
from salt_core.config.values import plain
from salt_core.errors import ConfigError


def run(**options: object) -> RunOptions:
    return RunOptions.of({**plain(RunOptions("GN2")), **options})


def test_plain_values_become_paths():
    options = run(plugins=["/a.py", "/b.py"], ckpt_path="/last.ckpt", seed_everything=7, log_suffix="x")
    assert options == RunOptions(
        "GN2", 7, [Path("/a.py"), Path("/b.py")], ckpt_path=Path("/last.ckpt"), log_suffix="x"
    )
    assert run() == RunOptions("GN2")
    assert run().ckpt_path is None


@pytest.mark.parametrize("name", ["GN2", "GN2_v1.0", "a-b+c", "Ü"])
def test_a_name_of_a_run(name):
    assert run(name=name).name == name


@pytest.mark.parametrize("name", ["", "a b", "a/b", "GN2\n", "a,b"])
def test_a_name_that_no_folder_has(name):
    with pytest.raises(ConfigError) as caught:
        run(name=name)
    assert str(caught.value) == f"name: {name!r} cannot name a folder; use letters, digits and _ . + -"


@pytest.mark.parametrize("suffix", [None, ""])
def test_to_resume_takes_the_name_of_the_directory(suffix):
    with pytest.raises(ConfigError) as caught:
        run(resume=True, log_suffix=suffix)
    assert str(caught.value) == "--resume: give --log_suffix too, which names the run directory to go on in"
    assert run(resume=True, log_suffix="a").resume


def test_to_resume_takes_the_newest_checkpoint():
    with pytest.raises(ConfigError) as caught:
        run(resume=True, log_suffix="a", ckpt_path="x.ckpt")
    assert str(caught.value) == (
        "--resume: takes the newest checkpoint of the run directory; leave --ckpt_path out"
    )
    assert run(ckpt_path="x.ckpt", log_suffix="a").ckpt_path == Path("x.ckpt")


def test_a_limit_of_time():
    assert run(time_limit="11:30:00").time_limit == "11:30:00"
    for wrong in ("soon", 0, -1):
        with pytest.raises(ConfigError, match=r"^--time_limit: "):
            run(time_limit=wrong)


def test_what_is_of_one_call_is_an_option():
    assert set(OF_ONE_CALL) < set(plain(RunOptions("GN2")))

"""Which files and jets make a sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.data.samples import Samples
from salt_core.data.staging import Stage
from salt_core.errors import ConfigError
from salt_plugins.staging.copy.staging import Copy

A, B = Path("a.h5"), Path("b.h5")


def samples(num_train: int = -1) -> Samples:
    return Samples({"train": A, "val": [A, B], "test": None}, {"train": num_train, "val": -1, "test": -1})


def test_one_file_or_several():
    assert samples().files("train") == (A,)
    assert samples().files("val") == (A, B)


def test_wildcards_are_expanded(tmp_path):
    for name in ("2", "1"):
        (tmp_path / f"{name}.h5").touch()
    found = Samples({"train": tmp_path / "*.h5"}, {"train": -1}).files("train")
    assert [path.name for path in found] == ["1.h5", "2.h5"]


def test_a_sample_that_is_not_set():
    with pytest.raises(ConfigError, match=r"^data\.test_file: not set; .* --data\.test_file PATH$"):
        samples().files("test")


def test_files_are_tested_one_after_the_other():
    ones = samples()
    for path in (A, B):
        ones.take_test_files(path)
        assert ones.files("test") == ones.files_to_read("test") == (path,)


def test_what_is_made_of_the_files_is_read_while_it_is_staged(tmp_path):
    store = tmp_path / "store"
    store.write_bytes(b"packed")
    ones = samples()
    stage = Stage(tmp_path / "fast", Copy())
    with ones.staged({"train": (store,), "val": (store,)}, stage):
        (copy,) = ones.files_to_read("train")
        assert copy.read_bytes() == b"packed"
        assert copy.is_relative_to(tmp_path / "fast")
        assert ones.files_to_read("val") == (copy,)
        assert ones.files("train") == (A,)
    assert ones.files_to_read("train") == (A,)


@pytest.mark.parametrize(("number", "used"), [(-1, 7), (5, 5), (9, 7)])
def test_jets_used_of_those_there(number, used):
    assert samples(number).used("train", 7) == used


@pytest.mark.parametrize(
    ("number", "there", "said"),
    [
        (8, 7, "data.num_train: 8 jets are asked for, a.h5 has 7"),
        (-1, 0, "data.train_file: a.h5 has no jets that pass"),
    ],
)
def test_too_few_jets(number, there, said):
    with pytest.raises(ConfigError) as told:
        samples(number).check_number("train", there, "jets that pass")
    assert str(told.value) == said


@pytest.mark.parametrize("number", [-1, 7])
def test_enough_jets(number):
    samples(number).check_number("train", 7, "jets")

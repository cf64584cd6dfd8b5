"""Project-local files as modules."""

from __future__ import annotations

import os
import pickle
import sys

import pytest

from salt_core.registry.local import LocalFile, files_of_environment

COUNTING = "import os\nos.environ['SALT_TEST_LOADS'] = os.environ.get('SALT_TEST_LOADS', '') + 'x'\n"


@pytest.fixture
def counter(monkeypatch):
    monkeypatch.setenv("SALT_TEST_LOADS", "")
    return lambda: len(os.environ["SALT_TEST_LOADS"])


def test_a_file_is_imported_once_in_a_process(local_file, counter):
    file = LocalFile.read(local_file("once.py", COUNTING))
    assert file.load() is file.load()
    assert counter() == 1


def test_a_copy_is_the_same_module(local_file):
    text = "class Head: pass"
    original = LocalFile.read(local_file("head.py", text)).load()
    assert LocalFile.read(local_file("run/head.py", text)).load() is original


def test_a_module_knows_its_file(local_file):
    path = local_file("head.py", "HERE = __file__")
    module = LocalFile.read(path).load()
    assert (module.HERE, module.__spec__.origin) == (str(path), str(path))


def test_changed_content_is_another_module(local_file):
    before = LocalFile.read(local_file("head.py", "VALUE = 1")).load()
    after = LocalFile.read(local_file("head.py", "VALUE = 2")).load()
    assert (before.VALUE, after.VALUE) == (1, 2)


def test_the_content_at_the_time_of_reading_counts(local_file):
    path = local_file("head.py", "VALUE = 1")
    file = LocalFile.read(path)
    path.write_text("VALUE = 2")
    assert file.load().VALUE == 1


def test_a_file_that_fails_leaves_no_module_and_no_byte_code(local_file, tmp_path, counter):
    file = LocalFile.read(local_file("bad.py", COUNTING + "raise ValueError('bad')"))
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            file.load()
    assert counter() == 2
    assert file.module_name not in sys.modules
    assert [path.name for path in tmp_path.iterdir()] == ["bad.py"]


def test_its_objects_can_be_pickled_and_its_dataclasses_work(local_file):
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Options:\n    size: int = 3\n"
    )
    module = LocalFile.read(local_file("with spaces-and.dots.py", text)).load()
    assert module.__name__.isidentifier()
    assert pickle.loads(pickle.dumps(module.Options(4))) == module.Options(4)


def test_its_name_takes_no_module_from_others(local_file):
    assert LocalFile.read(local_file("json.py", "MINE = True")).load().MINE
    assert "MINE" not in vars(sys.modules.get("json") or __import__("json"))


def test_home_in_the_environment_is_written_out(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SALT_PLUGINS", "~/head.py")
    assert files_of_environment() == [tmp_path / "head.py"]


def test_without_the_environment_there_are_none(monkeypatch):
    monkeypatch.delenv("SALT_PLUGINS", raising=False)
    assert files_of_environment() == []

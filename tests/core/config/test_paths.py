"""Where relative paths and shipped files lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.config.paths import find_config, package_folder, resolve_path, shipped_configs
from salt_core.errors import ConfigError


def test_relative_to_the_folder_given(tmp_path):
    assert resolve_path("a/b.h5", tmp_path) == tmp_path / "a" / "b.h5"
    assert resolve_path("/a/b.h5", tmp_path) == Path("/a/b.h5")


def test_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert resolve_path("~/x.h5", tmp_path) == Path("/home/someone/x.h5")


def test_shipped_files(tmp_path):
    path = resolve_path("package:demo/demo_train.h5", tmp_path)
    assert path == package_folder() / "demo" / "demo_train.h5"
    assert path.is_file()


def test_a_configuration_of_the_current_folder_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config("GN2.yaml") == shipped_configs()["GN2.yaml"]
    assert find_config("configs/GN2.yaml") == shipped_configs()["GN2.yaml"]
    (tmp_path / "GN2.yaml").write_text("{}")
    assert find_config("GN2.yaml") == tmp_path / "GN2.yaml"


@pytest.mark.parametrize("name", ["nothing.yaml", "elsewhere/GN2.yaml"])
def test_no_other_place_is_searched(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="does not exist"):
        find_config(name)


@pytest.mark.parametrize("text", ["x" * 256, "ü" * 128, "a/" * 2100, f"ok/{'x' * 256}/ok.h5"])
def test_what_no_file_can_be_called(tmp_path, text):
    with pytest.raises(ConfigError, match="is too long for the path of a file"):
        resolve_path(text, tmp_path)


def test_names_that_are_just_short_enough(tmp_path):
    for text in ("x" * 255, "ü" * 127):
        assert resolve_path(text, tmp_path).name == text
        assert not resolve_path(text, tmp_path).exists()


def test_the_home_of_nobody(tmp_path):
    with pytest.raises(ConfigError, match="nobody here has such a home folder"):
        resolve_path("~nobody-is-called-so/x", tmp_path)


def test_the_longest_path_that_a_system_takes():
    folder = Path("/", *["d" * 255] * 15)
    fits = "x" * (4095 - len(str(folder)) - 1)
    assert len(str(resolve_path(fits, folder))) == 4095
    with pytest.raises(ConfigError) as caught:
        resolve_path(fits + "y", folder)
    assert str(caught.value) == f"{'x' * 40!r}... is too long for the path of a file"


def test_a_configuration_that_is_nowhere_is_told_with_those_that_ship(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        find_config("nothing.yaml")
    assert str(caught.value) == (
        f"--config: the file {tmp_path / 'nothing.yaml'} does not exist; the configurations that come with salt "
        f"are {', '.join(shipped_configs())}"
    )
    with pytest.raises(ConfigError, match=r"^--config: 'yyyy.* is too long"):
        find_config("y" * 300)


def test_what_ships_is_listed_by_name():
    names = list(shipped_configs())
    assert names == sorted(names)
    assert {"base.yaml", "GN2.yaml", "demo.yaml"} <= set(names)
    assert all(path.name == name and path.is_file() for name, path in shipped_configs().items())

"""Plugins that are left out: the flag, the variable, what the listing and errors say of them."""

from __future__ import annotations

import json
import os

import pytest

from salt_core.errors import ConfigError
from salt_core.registry import Registry
from salt_core.registry.blocking import VARIABLE, blocked, take_flags
from salt_core.registry.hooks import tell_once

PLUGIN = """
from salt_core import hookimpl

@hookimpl
def salt_losses():
    return {"fine": "m:Fine"}
"""


@pytest.mark.parametrize(
    ("words", "rest", "names"),
    [
        (["fit", "--name", "x"], ["fit", "--name", "x"], []),
        (["--no-plugin", "a", "fit", "--no-plugin=b"], ["fit"], ["a", "b"]),
        (["fit", "--x", "1", "--no-plugin", "a", "--y", "2"], ["fit", "--x", "1", "--y", "2"], ["a"]),
        (["count", "--", "--no-plugin", "a"], ["count", "--", "--no-plugin", "a"], []),
    ],
)
def test_the_flag_stands_anywhere_before_two_dashes(words, rest, names):
    assert take_flags(words) == (rest, names)


@pytest.mark.parametrize("words", [["fit", "--no-plugin"], ["--no-plugin="], ["--no-plugin", "--name"]])
def test_the_flag_wants_a_name(words):
    with pytest.raises(ConfigError, match="--no-plugin: give the name of a plugin"):
        take_flags(words)


@pytest.mark.parametrize("name", ["mine", "MINE", "salt-plugin-a", "Salt_Plugin.A"])
def test_a_blocked_plugin_is_not_imported(install, monkeypatch, name):
    install("salt-plugin-a", "1", {"mine": "plugin_a"}, {"plugin_a.py": "raise RuntimeError('imported')"})
    monkeypatch.setenv(VARIABLE, f"other, {name}")
    registry = Registry.discover()
    assert [one.plugin for one in registry.blocked] == ["mine"]
    assert registry.broken == []
    assert "gn2" in registry.names("encoder")


def test_a_distribution_takes_all_its_plugins_with_it(monkeypatch):
    monkeypatch.setenv(VARIABLE, "salt-hep")
    registry = Registry.discover()
    assert {"gn2", "slurm", "report"} <= {one.plugin for one in registry.blocked}
    assert [one for one in registry.providers() if one.distribution == "salt-hep"] == []


def test_a_local_file_is_blocked_by_its_stem(local_file, monkeypatch):
    path = local_file("my_head.py", PLUGIN)
    monkeypatch.setenv(VARIABLE, "my_head")
    registry = Registry.discover([path])
    assert [one.origin for one in registry.blocked] == [f"{path} local"]
    assert registry.local_files == []


def test_the_environment_has_it_for_the_time_of_the_call(monkeypatch):
    monkeypatch.setenv(VARIABLE, "a")
    with blocked(["b", "c"]):
        assert os.environ[VARIABLE] == "a,b,c"
    assert os.environ[VARIABLE] == "a"
    monkeypatch.delenv(VARIABLE)
    with blocked(["b"]):
        assert os.environ[VARIABLE] == "b"
    assert VARIABLE not in os.environ


def test_the_listing_and_the_error_of_an_unknown_name_say_so(salt):
    rows = json.loads(salt("plugins", "list", "--json", "--no-plugin", "focal").out)
    (row,) = [row for row in rows if row["state"] == "blocked"]
    assert (row["plugin"], row["reason"]) == ("focal", "left out by --no-plugin or SALT_BLOCK_PLUGINS: focal")
    done = salt("--no-plugin=focal", "plugins", "show", "loss", "focal")
    assert done.code == 2
    assert "blocked and may offer it: focal of salt-hep" in done.err
    assert salt("plugins", "show", "loss", "focal").code == 0


def test_a_blocked_command_is_told(salt):
    done = salt("compare", "--no-plugin", "compare", "a", "b")
    assert done.code == 2
    assert "compare of salt-hep" in done.err
    assert "left out by --no-plugin" in done.err


def test_a_name_that_nothing_has_is_told(monkeypatch, caplog):
    tell_once.cache_clear()
    monkeypatch.setenv(VARIABLE, "nothing_so_called,focal")
    Registry.discover()
    (message,) = caplog.messages
    assert "names 'nothing-so-called', and there is no such plugin or distribution" in message


def test_the_help_of_salt_and_of_a_training_names_the_flag(salt):
    assert "--no-plugin NAME" in salt("--help").out
    assert "--no-plugin NAME" in salt("fit", "--help").out


def test_a_training_does_without_a_blocked_plugin(salt, sample):
    done = salt("fit", "--config", sample.config, "--no-plugin", "gn2", "--print_config")
    assert done.code == 2
    assert "model.encoder" in done.err
    assert "blocked and may offer it: gn2 of salt-hep" in done.err

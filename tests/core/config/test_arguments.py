"""How the words of a command line are read."""

from __future__ import annotations

import pytest

from salt_core.config.arguments import Flag, parse
from salt_core.errors import ConfigError


def test_values_after_an_equals_sign_or_a_blank():
    flags = parse(["--a.b=x=y", "--c", "3"]).flags
    assert flags == (Flag("--a.b", "x=y"), Flag("--c", "3"))


def test_a_negative_number_is_a_value():
    assert parse(["--data.num_train", "-1"]).flags == (Flag("--data.num_train", "-1"),)


def test_a_flag_alone_is_true():
    first, second = parse(["--force", "--compile"]).flags
    assert first.layer().tree == {"force": True}
    assert second.layer().tree == {"compile": True}


def test_short_flags():
    assert parse(["-n", "GN3", "-f"]).flags == (Flag("--name", "GN3"), Flag("--force", None))
    assert parse(["-h"]).help


def test_files_add_up_in_their_order():
    assert parse(["--config", "a.yaml", "--x", "1", "--config=b.yaml"]).configs == ("a.yaml", "b.yaml")


def test_values_are_yaml():
    (flag,) = parse(["--data.variables.jets", "[pt, eta]"]).flags
    assert flag.layer().tree == {"data": {"variables": {"jets": ["pt", "eta"]}}}


@pytest.mark.parametrize(
    ("text", "value"), [("1e-7", 1e-7), ("null", None), ("true", True), ("on", "on"), ("", None)]
)
def test_scalars(text, value):
    assert parse(["--a", text]).flags[0].layer().tree == {"a": value}


def test_numbers_among_keys_are_numbers():
    assert parse(["--t.label_map.5", "0"]).flags[0].layer().tree == {"t": {"label_map": {5: 0}}}


def test_plugin_help():
    arguments = parse(["--model.encoder.help", "gn2", "--config", "a.yaml"])
    assert arguments.plugin_help == Flag("--model.encoder.help", "gn2")
    assert arguments.flags == ()


def test_print_config_takes_no_value():
    arguments = parse(["--print_config", "--force"])
    assert arguments.print_config
    assert arguments.flags == (Flag("--force", None),)


@pytest.mark.parametrize("words", [["fit"], ["-x", "1"], ["--", "a"], ["--config"], ["--config="]])
def test_words_that_mean_nothing(words):
    with pytest.raises(ConfigError):
        parse(words)


def test_an_empty_key():
    with pytest.raises(ConfigError, match=r"--a\.\.b"):
        parse(["--a..b", "1"]).flags[0].layer()

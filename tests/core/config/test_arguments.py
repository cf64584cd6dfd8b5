"""How the words of a command line are read."""

from __future__ import annotations

import pytest

from salt_core.config.arguments import Flag, parse
from salt_core.config.merge import Layer
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


def said(words: list[str]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(words)
    return str(caught.value)


@pytest.mark.parametrize("words", [["--config"], ["--config="], ["--config", "--force"]])
def test_a_file_is_wanted(words):
    assert said(words) == "--config: give the path of a YAML file"


def test_modules_add_up_and_are_no_part_of_the_configuration():
    arguments = parse(["--allow_class_paths", "a.b", "--x", "1", "--allow_class_paths=c"])
    assert arguments.allow_class_paths == ("a.b", "c")
    assert arguments.flags == (Flag("--x", "1"),)


@pytest.mark.parametrize(
    ("words", "got"),
    [([], "no value"), (["a-b"], "'a-b'"), ([""], "''"), (["a..b"], "'a..b'"), (["a b"], "'a b'")],
)
def test_a_module_is_wanted(words, got):
    expected = f"--allow_class_paths: give a module, such as my_package.callbacks; got {got}"
    assert said(["--allow_class_paths", *words]) == expected


@pytest.mark.parametrize("word", ["fit", "-x", "--", "a=b", "-1"])
def test_a_word_that_is_no_flag_is_told_with_the_short_ones(word):
    assert said([word, "1"]) == (
        f"{word!r} is not expected here; options are written --section.option VALUE, short are "
        "-n (--name), -f (--force), -t (--tag), -h (--help)"
    )


@pytest.mark.parametrize("words", [["--help", "x"], ["--print_config", "x"]])
def test_help_takes_no_value(words):
    assert said(words).startswith("'x' is not expected here")


def test_a_short_flag_is_no_value_and_may_take_one():
    assert parse(["--a", "-f", "-t=v1"]).flags == (
        Flag("--a", None),
        Flag("--force", None),
        Flag("--tag", "v1"),
    )
    assert parse(["--a", "-n=x", "--b", "-x"]).flags == (
        Flag("--a", None),
        Flag("--name", "x"),
        Flag("--b", "-x"),
    )
    assert parse(["--a="]).flags == (Flag("--a", ""),)


def test_the_first_plugin_that_is_asked_for_is_explained_and_nothing_else_is_asked():
    arguments = parse(["--model.encoder.help", "--data.loader.help", "packed"])
    assert arguments.plugin_help == Flag("--model.encoder.help", None)
    assert arguments.flags == ()
    assert (arguments.help, arguments.print_config) == (False, False)
    arguments = parse(["--x", "1"])
    assert arguments.plugin_help is None
    assert (arguments.help, arguments.print_config) == (False, False)


def test_a_flag_is_a_layer_of_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (flag,) = parse(["--a.b", "010"]).flags
    assert flag.layer() == Layer({"a": {"b": 10}}, "--a.b", tmp_path, "010")
    assert Flag("--a", None).layer() == Layer({"a": True}, "--a", tmp_path, None)


def test_a_flag_that_is_wrong_is_told_by_its_name():
    with pytest.raises(ConfigError) as caught:
        Flag("--a..b", "1").layer()
    assert str(caught.value) == "--a..b: a flag is written --section.option VALUE"
    with pytest.raises(ConfigError, match=r"^--a\.b:1:2: not valid YAML"):
        Flag("--a.b", "[").layer()

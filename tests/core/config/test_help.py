"""What the help of a training and of its plugins says, and which plugin a flag asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from salt_core.config.arguments import Flag
from salt_core.config.help import command_help, plugin_kind, plugin_name
from salt_core.config.merge import Layer, Merged, merge
from salt_core.config.schema import SECTIONS, RunOptions
from salt_core.errors import ConfigError
from salt_core.interfaces.loss import Loss
from salt_core.registry import Registry
from salt_core.registry.options import options_of

MODEL = {"encoder": "gn2", "tasks": {"origin": {"plugin": "classification", "loss": "focal"}, "other": None}}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover()


@pytest.fixture
def text(registry) -> str:
    return command_help("fit", "Trains a model.", registry)


@pytest.fixture
def merged() -> Merged:
    return merge([Layer({"model": MODEL}, "mine.yaml", Path("/base"))])


def test_it_begins_with_the_command_and_what_it_does(text):
    first, _, second, *_ = text.splitlines()
    assert first == "Usage: salt fit [--config FILE]... [--section.option VALUE]..."
    assert second == "Trains a model."


def test_every_option_stands_below_its_section(text):
    chapters = dict(re.findall(r"\n(\S.*):\n((?:  .*\n)+)", text))
    del chapters["Options of the command"]
    sections = {"The run": ("", RunOptions)}
    sections |= {name.capitalize(): (f"{name}.", cls) for name, cls in SECTIONS.items()}
    assert list(chapters) == list(sections)
    for title, (prefix, cls) in sections.items():
        flags = re.findall(r"^  --(\S+):", chapters[title], re.MULTILINE)
        options = [flag.removeprefix(prefix).partition(".")[0] for flag in flags]
        assert list(dict.fromkeys(options)) == [option.name for option in options_of(cls)]
        assert all(flag.startswith(prefix) for flag in flags)


@pytest.mark.parametrize(
    "lines",
    [
        "  --name: str, required\n      Name of the model: the run directory",
        "  --tag_remote: str, default 'origin'\n      The remote that takes the tag; your own fork.\n",
        "  --model.lrs_config.max: float, default 0.0005\n      Highest rate.\n"
        "  --model.lrs_config.end: float, default 1e-05\n",
        "      The remote that takes the tag; your own fork.\n\nModel:\n",
        "  --model.encoder: encoder plugin, required\n      Turns jets and constituents into vectors.\n"
        "      Plugins: deepsets, dense, gn2, part\n",
        "  --plugins: list[Path], default []\n",
    ],
)
def test_an_option_has_its_type_default_description_and_plugins(text, lines):
    assert lines in text


@dataclass
class Inner:
    """Options within options."""

    loss: Loss


@dataclass
class Outer:
    """A section that holds them."""

    inner: Inner


def test_an_option_within_others_has_its_plugins_too(registry, monkeypatch):
    monkeypatch.setitem(SECTIONS, "model", Outer)
    text = command_help("fit", "Trains a model.", registry)
    assert "  --model.inner.loss: loss plugin, required\n      Plugins: binary_cross_entropy, " in text


def test_no_line_is_wider_than_100_columns_and_few_are_half_empty(text):
    explained = [line for line in text.splitlines() if line.startswith(" " * 6)]
    assert 95 < max(map(len, explained)) <= 100
    assert not any(line.startswith(" " * 7) for line in explained)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("model.encoder", "encoder"),
        ("data.loader", "dataloader"),
        ("model.tasks", "task"),
        ("model.tasks.of_any_name", "task"),
        ("model.tasks.origin.loss", "loss"),
        ("trainer.callbacks", "callback"),
        ("trainer.callbacks.mine", "callback"),
    ],
)
def test_the_kind_of_a_place(merged, registry, place, kind):
    assert plugin_kind(Flag(f"--{place}.help", None), merged, registry) == kind


@pytest.mark.parametrize(
    "place",
    [
        "encoder",
        "model",
        "model.encodr",
        "model.encoder.num_layers",
        "data.batch_size",
        "model.tasks.other.loss",
        "model.tasks.of_any_name.loss",
        "model.tasks.origin.loss.gamma",
        "data.loader.x",
    ],
)
def test_a_place_that_takes_no_plugin(merged, registry, place):
    with pytest.raises(
        ConfigError, match=r"no plugin stands there; .*Choices: .*--data\.loader\.help, "
    ) as caught:
        plugin_kind(Flag(f"--{place}.help", None), merged, registry)
    assert caught.value.where == f"--{place}.help"
    assert caught.value.message.endswith(", --trainer.callbacks.help, --trainer.logger.help")


def test_a_place_that_is_misspelt_is_told_the_right_one(merged, registry):
    with pytest.raises(ConfigError, match=r"did you mean '--model\.encoder\.help'"):
        plugin_kind(Flag("--model.encodr.help", None), merged, registry)


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        (Flag("--model.encoder.help", "deepsets"), "deepsets"),
        (Flag("--model.encoder.help", None), "gn2"),
        (Flag("--model.encoder.help", ""), "gn2"),
        (Flag("--model.tasks.origin.help", None), "classification"),
        (Flag("--model.tasks.origin.loss.help", None), "focal"),
        (Flag("--model.tasks.new.help", "flags"), "flags"),
    ],
)
def test_the_name_is_the_one_given_or_else_that_of_the_configuration(merged, flag, name):
    assert plugin_name(flag, merged) == name


@pytest.mark.parametrize(
    "place", ["model.tasks.other", "model.tasks.new", "data.loader", "model.encoder.x.y"]
)
def test_a_name_is_needed_where_the_configuration_has_none(merged, place):
    with pytest.raises(
        ConfigError, match=r"^--.*\.help: name the plugin to explain, such as --model"
    ) as caught:
        plugin_name(Flag(f"--{place}.help", None), merged)
    assert caught.value.where == f"--{place}.help"


def test_the_command_explains_the_loss_of_a_task(salt):
    done = salt("fit", "--model.tasks.jets.plugin", "classification", "--model.tasks.jets.loss.help", "focal")
    assert done.code == 0, done.err
    assert done.out.startswith("loss focal\n")

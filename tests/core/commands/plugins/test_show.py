"""``salt plugins show``: a plugin, and every option of it."""

from __future__ import annotations

import pytest

from salt_core.commands.plugins.show import describe
from salt_core.errors import ConfigError
from salt_core.registry import Provider, Registry
from salt_core.registry.discovery import Findings


def test_show(salt, plugin_file):
    done = salt("plugins", "show", "loss", "absolute")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:4] == [
        "loss absolute",
        "  Absolute difference.",
        "",
        f"Provided by {plugin_file} local: {lines[3].split(': ')[1]}",
    ]
    assert lines[-2:] == ["  scale: float, default 1.0", "      Factor of every value."]


def test_show_tells_types_defaults_and_required_options(salt):
    done = salt("plugins", "show", "task", "classification")
    assert "  input_name: str, required\n" in done.out
    assert "loss plugin" in done.out
    assert "  weight: float, default 1.0\n      Factor of this task's loss in the total.\n" in done.out


def test_show_explains_the_options_of_an_option_below_it(salt):
    done = salt("plugins", "show", "encoder", "gn2")
    _, after = done.out.split("  init_nets: ")
    inner, _ = after.split("\n  num_layers: ")
    assert "\n      attach_global: bool, default true\n          Whether each constituent" in inner
    assert "\n          dim: int, default 16\n              Values that encode" in inner


def test_show_of_a_plugin_without_options():
    provider = Provider("callback", "plain", "lightning.pytorch.callbacks:Callback", "p", "d", "1")
    assert describe(Registry(Findings([provider])), "callback", "plain").endswith("It takes no options.")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("encoder", "gn22"), "there is no encoder 'gn22': did you mean 'gn2'? Choices: "),
        (("encodr", "gn2"), "there is no kind of plugin 'encodr': did you mean 'encoder'? Choices: "),
        (("encoder",), "Missing argument 'NAME'"),
    ],
)
def test_show_with_a_mistake_is_one_message(salt, args, message):
    done = salt("plugins", "show", *args)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {message}")


def test_show_of_a_conflict_names_both(mixed):
    with pytest.raises(
        ConfigError, match=r"salt-a 1\.0 \(plugin a_entry\) and salt-b 1\.0 \(plugin b_entry\)"
    ):
        describe(mixed, "loss", "twice")

"""Offers: what the hooks of one plugin return, by kind."""

from __future__ import annotations

from types import SimpleNamespace

import pluggy
import pytest

from salt_core import hookimpl
from salt_core.errors import suggest
from salt_core.kinds import KINDS
from salt_core.registry.faults import HookError
from salt_core.registry.hooks import HOOKS, offers_of


class Component:
    """A class."""


def plugin_with(**hooks: object) -> SimpleNamespace:
    """Make a plugin whose hooks return the values given."""

    def make(name, value):
        def hook():
            return value

        hook.__name__ = name
        return hookimpl(hook)

    return SimpleNamespace(**{name: make(name, value) for name, value in hooks.items()})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.hook)
def test_each_hook_gives_its_kind(kind):
    plugin = plugin_with(**{kind.hook: {"text": "package.module:Class.Inner", "cls": Component}})
    assert offers_of(plugin, "a plugin").offers == [
        (kind.name, "text", "package.module:Class.Inner"),
        (kind.name, "cls", Component),
    ]


def test_a_plugin_may_implement_several_hooks():
    offers = offers_of(plugin_with(salt_tasks={"a": "m:A"}, salt_losses={"a": "m:B"}), "a plugin").offers
    assert sorted(offers) == [("loss", "a", "m:B"), ("task", "a", "m:A")]


def test_a_plugin_may_offer_nothing_for_now():
    assert offers_of(plugin_with(salt_tasks={}), "a plugin").offers == []


@pytest.mark.parametrize("target", ["", "m", "m:", ":A", "m.n.A", "m:A:B", "m:3", "m-n:A", "a b:C"])
def test_a_target_is_module_and_class(target):
    with pytest.raises(HookError, match="neither a class nor"):
        offers_of(plugin_with(salt_tasks={"x": target}), "a plugin")


@pytest.mark.parametrize("name", [None, "", "  ", 3])
def test_a_name_is_a_text(name):
    with pytest.raises(HookError, match="which is not a text"):
        offers_of(plugin_with(salt_tasks={name: "m:A"}), "a plugin")


@pytest.mark.parametrize(
    ("value", "said"), [(None, "None"), ("text", "'text'"), (7, "an object of type int")], ids=str
)
def test_what_is_returned_instead_of_names_is_told(value, said):
    message = f"salt_losses returns {said}, not a mapping from names to classes"
    with pytest.raises(HookError, match=message):
        offers_of(plugin_with(salt_losses=value), "a plugin")


def place_of(hook) -> str:
    code = hook.__code__
    return f" ({__file__}:{code.co_firstlineno})"


@pytest.mark.parametrize(
    ("offers", "said"),
    [
        (None, "returns None, not a mapping from names to classes"),
        (["m:X"], "returns an object of type list, not a mapping from names to classes"),
        ({3: "m:X"}, "offers the name 3, which is not a text"),
        ({"x": "m.X"}, "offers 'x' as 'm.X', neither a class nor \"module:Class\""),
        ({"x": 3}, "offers 'x' as an object of type int, neither a class nor \"module:Class\""),
        ({3: "m:X", 4: "m:X"}, "offers the name 3, which is not a text, and the name 4, which is not a text"),
    ],
    ids=str,
)
def test_a_wrong_offer_is_told_with_the_place_of_the_hook(offers, said):
    plugin = plugin_with(salt_losses=offers)
    with pytest.raises(HookError) as caught:
        offers_of(plugin, "a plugin")
    assert str(caught.value) == f"salt_losses {said}{place_of(plugin.salt_losses)}"


def test_a_misspelt_hook_is_told_with_close_ones_and_all():
    with pytest.raises(HookError) as caught:
        offers_of(plugin_with(salt_losses={}, salt_task={}), "a plugin")
    assert str(caught.value) == f"there is no hook 'salt_task': {suggest('salt_task', HOOKS)}"
    assert "did you mean 'salt_tasks'" in str(caught.value)


def test_hooks_without_the_mark_are_told_together():
    with pytest.raises(HookError) as caught:
        offers_of(SimpleNamespace(salt_losses=dict, salt_tasks=dict), "a plugin")
    assert str(caught.value) == "salt_tasks and salt_losses must be marked with @hookimpl of salt_core"


def test_a_plugin_without_hooks_is_told_all():
    with pytest.raises(HookError) as caught:
        offers_of(SimpleNamespace(number=3), "a plugin")
    assert str(caught.value) == f"it offers no hook. Hooks: {', '.join(HOOKS)}"


def test_the_mark_of_another_project_does_not_count():
    foreign = pluggy.HookimplMarker("other")(lambda: {})
    with pytest.raises(HookError, match="salt_tasks must be marked with @hookimpl of salt_core"):
        offers_of(SimpleNamespace(salt_tasks=foreign), "a plugin")

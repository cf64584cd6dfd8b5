"""Names to classes: conflicts, unknown names, and classes that cannot be used."""

from __future__ import annotations

from abc import abstractmethod

import click
import pytest
from torch import Tensor

from salt_core.errors import ConfigError
from salt_core.interfaces.loss import Loss
from salt_core.registry import Registry
from salt_core.registry.discovery import Findings
from salt_core.registry.provider import BrokenPlugin, Provider


class Absolute(Loss):
    """Absolute difference."""

    class Inner(Loss):
        """Within."""

        def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
            return predictions - targets

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        return (predictions - targets).abs()


class Unfinished(Loss):
    """No forward."""


class Hollow(Loss):
    """Neither forward nor what it is for."""

    @abstractmethod
    def aim(self) -> str:
        """Tell."""


def offer(
    name: str, target: type | str = Absolute, kind: str = "loss", who: str = "salt-a", version: str = "1"
):
    return Provider(kind, name, target, who.removeprefix("salt-"), who, version)


def registry_of(*providers: Provider, broken: tuple[BrokenPlugin, ...] = ()) -> Registry:
    return Registry(Findings(list(providers), list(broken)))


def message(registry: Registry, kind: str, name: str, where: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        registry.resolve(kind, name, where)
    assert caught.value.where == where
    return str(caught.value)


def test_a_class_comes_back_as_it_is():
    assert registry_of(offer("absolute")).resolve("loss", "absolute") is Absolute


def test_a_string_is_imported_when_it_is_used():
    registry = Registry.discover()
    from salt_plugins.losses.cross_entropy.loss import CrossEntropy

    assert registry.resolve("loss", "cross_entropy") is CrossEntropy


def test_offers_are_sorted_by_kind_and_name():
    registry = registry_of(offer("b"), offer("a", kind="task"), offer("a"))
    assert [(p.kind, p.name) for p in registry.providers()] == [("loss", "a"), ("loss", "b"), ("task", "a")]
    assert [p.name for p in registry.providers("task")] == ["a"]
    assert registry.names("loss") == ["a", "b"]


def test_an_unknown_name_tells_kind_name_place_close_matches_and_all_choices():
    registry = registry_of(offer("focal"), offer("huber"), offer("absolute"))
    assert message(registry, "loss", "focl", "model.tasks.origin.loss") == (
        "model.tasks.origin.loss: there is no loss 'focl': did you mean 'focal'? Choices: absolute, focal, huber"
    )


def test_an_unknown_name_without_any_choice():
    assert message(registry_of(), "loss", "focal") == "there is no loss 'focal': Choices: none"


@pytest.mark.parametrize(
    "ask",
    [
        lambda registry: registry.provider("command", "wiegh"),
        lambda registry: registry.resolve("command", "wiegh"),
        lambda registry: registry.command("wiegh"),
    ],
)
def test_without_a_place_the_message_stands_alone_and_tells_names_of_the_kind(ask):
    command = click.Command("weigh")
    registry = registry_of(offer("weigh", command, "command"), offer("wiegher"))
    with pytest.raises(ConfigError) as caught:
        ask(registry)
    assert str(caught.value) == "there is no command 'wiegh': did you mean 'weigh'? Choices: weigh"


def test_a_name_of_another_kind_is_told():
    registry = registry_of(offer("focal"), offer("vertexing", kind="task"))
    assert "The name belongs to another kind: task" in message(registry, "loss", "vertexing")


def test_broken_plugins_are_told_with_an_unknown_name():
    broken = BrokenPlugin("focal", "salt-focal", "0.3", "ModuleNotFoundError: No module named 'numba'")
    text = message(registry_of(offer("huber"), broken=(broken,)), "loss", "focal")
    assert "focal of salt-focal 0.3: ModuleNotFoundError: No module named 'numba'" in text
    assert "Choices: huber" in text


def test_everything_that_may_help_is_told_in_sentences():
    broken = (BrokenPlugin("x", "salt-x", "1", "no luck"), BrokenPlugin("y", "salt-y", "2", "none either"))
    blocked = [BrokenPlugin(name, f"salt-{name}", "3", "left out", "blocked") for name in "uv"]
    offers = [offer("mine", kind="task"), offer("mine", kind="encoder"), offer("absolute")]
    said = message(Registry(Findings(offers, list(broken), blocked)), "loss", "mine")
    _, *sentences = said.split(". ")
    assert sentences == [
        "The name belongs to another kind: encoder, task",
        "Plugins that could not be loaded and may offer it: x of salt-x 1: no luck; y of salt-y 2: none either",
        "Plugins that are blocked and may offer it: u of salt-u 3, left out; v of salt-v 3, left out",
    ]


def test_a_command_is_made_already():
    command = click.Command("weigh", help="Weigh a model.")
    registry = registry_of(
        offer("weigh", command, "command"), offer("wrong", "salt_core.errors:suggest", "command")
    )
    assert registry.command("weigh") is command
    assert registry.providers("command")[0].summary == "Weigh a model."
    with pytest.raises(ConfigError, match="is no click:Command but a function"):
        registry.command("wrong")


@pytest.mark.parametrize("ask", [Registry.providers, Registry.names])
def test_an_unknown_kind_tells_close_matches_and_all_kinds(ask):
    with pytest.raises(ConfigError, match="no kind of plugin 'tasks': did you mean 'task'") as caught:
        ask(registry_of(), "tasks")
    for kind in ("batch", "callback", "dataloader", "encoder", "loss", "optimizer", "staging"):
        assert kind in str(caught.value)


def test_two_providers_of_one_name_conflict_when_it_is_used():
    registry = registry_of(
        offer("focal", who="salt-one", version="1.0"),
        offer("focal", who="salt-two", version="2.5"),
        offer("huber", who="salt-two", version="2.5"),
    )
    text = message(registry, "loss", "focal", "model.loss")
    assert text.startswith(
        "model.loss: the loss 'focal' is offered by salt-one 1.0 (plugin one) and salt-two 2.5 (plugin two)"
    )
    assert {p.name: p.conflict for p in registry.providers()} == {"focal": True, "huber": False}
    assert [p.origin for p in registry.providers() if p.name == "focal"] == ["salt-one 1.0", "salt-two 2.5"]
    assert registry.resolve("loss", "huber") is Absolute


def test_a_command_of_a_plugin_called_as_one_of_salts_own_conflicts():
    registry = registry_of(offer("fit", click.Command("fit"), "command"), offer("fit"))
    assert {p.kind: p.conflict for p in registry.providers()} == {"command": True, "loss": False}


def test_the_order_of_discovery_decides_nothing():
    one, two = offer("focal", who="salt-one"), offer("focal", who="salt-two")
    assert registry_of(one, two).providers() == registry_of(two, one).providers()


def test_one_name_of_two_kinds_is_no_conflict():
    registry = registry_of(offer("same"), offer("same", kind="task"))
    assert [p.conflict for p in registry.providers()] == [False, False]


def test_a_class_within_a_class_is_imported():
    assert (
        registry_of(offer("inner", f"{__name__}:Absolute.Inner")).resolve("loss", "inner") is Absolute.Inner
    )


UNUSABLE = {
    "missing_module": ("module_that_is_gone:Loss", "cannot be loaded: ModuleNotFoundError"),
    "missing_class": ("salt_core.errors:Nothing", "cannot be loaded: AttributeError"),
    "function": ("salt_core.errors:suggest", "salt_core.errors:suggest is not a class but a function"),
    "other_base": ("salt_core.errors:SaltError", "does not extend salt_core.interfaces.loss:Loss"),
    "abstract": (Unfinished, "does not define forward"),
    "more_than_one": (Hollow, "does not define aim, forward"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_class_that_cannot_be_used_names_its_provider(case):
    target, expected = UNUSABLE[case]
    text = message(registry_of(offer("bad", target, version="3.1")), "loss", "bad", "model.loss")
    assert text.startswith("model.loss: the loss 'bad' of salt-a 3.1 cannot be ")
    assert expected in text


def test_an_import_that_exits_is_an_error_like_any_other(install):
    install("salt-exit", "1", {}, {"module_that_exits.py": "import sys\nsys.exit(3)"})
    text = message(registry_of(offer("bad", "module_that_exits:Loss")), "loss", "bad")
    assert "cannot be loaded: SystemExit: 3" in text


def test_the_registry_is_not_changed_through_what_it_gives_out():
    registry = registry_of(offer("focal"))
    registry.providers().clear()
    registry.broken.append(BrokenPlugin("x", "y", "1", "z"))
    assert registry.names("loss") == ["focal"]
    assert registry.broken == []

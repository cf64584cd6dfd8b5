"""What becomes of a single value, for every sort of annotation, and what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import Callback, EarlyStopping, Timer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import Strategy

from salt_core.config.merge import Layer, merge
from salt_core.config.resolver import local_plugins, resolve_part
from salt_core.config.walk import Value, Walk
from salt_core.errors import ConfigError
from salt_core.interfaces.loss import Loss
from salt_core.registry import Registry
from salt_core.registry.discovery import Findings
from salt_core.registry.provider import Provider


class Scaled(Loss):
    """A loss with options."""

    def __init__(self, scale: float = 1.0, folder: Path | None = None, inner: Loss | None = None) -> None:
        super().__init__()
        del scale, folder, inner

    def forward(self, predictions, targets):
        return predictions - targets


class Plain(Loss):
    """A loss without options."""

    def forward(self, predictions, targets):
        return predictions - targets


@dataclass
class Network:
    """A part.

    Parameters
    ----------
    size : int
        Its size.
    depth : int, optional
        How deep it is.
    """

    size: int
    depth: int = 2
    name: str = "net"


SCALED, PLAIN = f"{__name__}.Scaled", f"{__name__}.Plain"
REGISTRY = Registry(
    Findings(
        [
            Provider("loss", "scaled", Scaled, "a", "salt-a", "1"),
            Provider("loss", "plain", Plain, "a", "salt-a", "1"),
            Provider("loss", "gone", "no_such_module:Gone", "a", "salt-a", "1"),
            Provider("callback", "timer", Timer, "a", "salt-a", "1"),
            Provider("callback", "plain", Timer, "a", "salt-a", "1"),
            Provider("callback", "other", Timer, "b", "salt-b", "1"),
            Provider("callback", "other", Timer, "c", "salt-c", "1"),
        ]
    )
)


def walk_of(value: object, label: str = "mine.yaml", text: str | None = None, allowed=()) -> Walk:
    return Walk(merge([Layer({"x": value}, label, Path("/base"), text)]), REGISTRY, allowed)


def taken(annotation: Any, value: object, **how: Any) -> Value:
    walk = walk_of(value, **how)
    found = walk.value(annotation, value, ("x",))
    assert walk.faults == []
    return found


def told(annotation: Any, value: object, **how: Any) -> list[str]:
    walk = walk_of(value, **how)
    walk.value(annotation, value, ("x",))
    return [str(fault) for fault in walk.faults]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 3),
        (int | None, None),
        (Any, None),
        (dict[str, int], {"a": 1}),
        (dict[int, int | None], {0: 1, 5: None}),
        (list[int], [1, 2]),
        (int | list[int], 3),
        (int | list[int], [3]),
        (list[dict[str, int]] | None, [{"a": 1}]),
        (Network, {"size": 1, "depth": 3, "name": "a"}),
        (list[Logger] | bool | None, True),
        (Loss, "plain"),
    ],
)
def test_a_value_that_stays_as_it_is(annotation, value):
    assert taken(annotation, value).short == value


@pytest.mark.parametrize(
    ("annotation", "value", "short", "full"),
    [
        (Network, {"size": 1}, {"size": 1, "depth": 2, "name": "net"}, {"size": 1}),
        (
            dict[str, Network],
            {"a": {"size": 1}},
            {"a": {"size": 1, "depth": 2, "name": "net"}},
            {"a": {"size": 1}},
        ),
        (list[Network], [{"size": 1}], [{"size": 1, "depth": 2, "name": "net"}], [{"size": 1}]),
        (dict[str, int], {"b": None, "a": 1}, {"a": 1}, {"a": 1}),
        (dict[str, Path], {"a": "b"}, {"a": "/base/b"}, {"a": "/base/b"}),
        (Path | list[Path], ["a", "/b"], ["/base/a", "/b"], ["/base/a", "/b"]),
    ],
)
def test_a_value_that_is_completed(annotation, value, short, full):
    assert taken(annotation, value) == Value(short, full)


LOSS = {"plugin": "scaled", "scale": 1.0, "folder": None, "inner": None}


@pytest.mark.parametrize(
    ("annotation", "value", "short", "full"),
    [
        (Loss, "plain", "plain", {"class_path": PLAIN, "init_args": {}}),
        (Loss, {"plugin": "plain"}, "plain", {"class_path": PLAIN, "init_args": {}}),
        (Loss | None, "scaled", LOSS, {"class_path": SCALED, "init_args": {}}),
        (
            Loss,
            {"plugin": "scaled", "scale": 2, "folder": "here"},
            {**LOSS, "scale": 2, "folder": "/base/here"},
            {"class_path": SCALED, "init_args": {"scale": 2, "folder": "/base/here"}},
        ),
        (
            Loss,
            {"plugin": "scaled", "inner": "plain"},
            {**LOSS, "inner": "plain"},
            {"class_path": SCALED, "init_args": {"inner": {"class_path": PLAIN, "init_args": {}}}},
        ),
        (
            dict[str, Loss],
            {"a": "plain", "b": None},
            {"a": "plain"},
            {"a": {"class_path": PLAIN, "init_args": {}}},
        ),
        (list[Loss], ["plain", "plain"], ["plain"] * 2, [{"class_path": PLAIN, "init_args": {}}] * 2),
        (list[Loss] | Loss, "plain", "plain", {"class_path": PLAIN, "init_args": {}}),
        (list[Loss], {"plugin": "plain"}, "plain", {"class_path": PLAIN, "init_args": {}}),
        (
            list[Loss],
            {"plugin": {"plugin": "plain"}},
            {"plugin": "plain"},
            [{"class_path": PLAIN, "init_args": {}}],
        ),
    ],
)
def test_plugins(annotation, value, short, full):
    assert taken(annotation, value) == Value(short, full)


STOP = "lightning.pytorch.callbacks.EarlyStopping"


@pytest.mark.parametrize(
    "value",
    [
        {"class_path": "EarlyStopping", "init_args": {"monitor": "loss"}},
        {"class_path": STOP, "init_args": {"monitor": "loss"}},
    ],
)
@pytest.mark.parametrize("annotation", [Callback, EarlyStopping | None, list[Callback] | Callback | None])
def test_a_class_of_lightning(annotation, value):
    found = taken(annotation, value)
    assert found.full == {"class_path": STOP, "init_args": {"monitor": "loss"}}
    assert found.short["class_path"] == STOP
    assert (found.short["init_args"]["monitor"], found.short["init_args"]["patience"]) == ("loss", 3)


def test_a_class_by_its_path_alone_without_arguments():
    path = "lightning.pytorch.callbacks.RichProgressBar"
    for value in (path, {"class_path": path}, {"class_path": path, "init_args": None}):
        assert taken(Callback, value).full == {"class_path": path, "init_args": {}}


SOME = EarlyStopping | Timer


@pytest.mark.parametrize("annotation", [list[Callable[[], int]] | None, SOME | list[SOME] | None])
def test_classes_in_a_list(annotation):
    value = [{"class_path": "EarlyStopping", "init_args": {"monitor": "a"}}]
    found = taken(annotation, value)
    assert found.full == [{"class_path": STOP, "init_args": {"monitor": "a"}}]
    assert (found.short[0]["init_args"]["monitor"], found.short[0]["init_args"]["patience"]) == ("a", 3)
    (fault,) = told(annotation, [*value, {"class_path": "os.system"}])
    assert fault.startswith("x.1.class_path: class_path 'os.system' is not allowed")


def test_a_class_of_the_wrong_sort_in_a_list():
    assert told(SOME | list[SOME], [{"class_path": "CSVLogger"}]) == [
        "x.0: CSVLogger is no EarlyStopping or Timer"
    ]


def test_a_class_that_takes_further_words():
    value = {"class_path": "DDPStrategy", "init_args": {"static_graph": True}}
    found = taken(str | Strategy, value)
    assert found.full == {
        "class_path": "lightning.pytorch.strategies.DDPStrategy",
        "init_args": {"static_graph": True},
    }
    assert found.short["init_args"]["static_graph"] is True


class Further:
    """Takes further words, and is none of Lightning's."""

    def __init__(self, **words: int) -> None: ...


@pytest.mark.parametrize("cls", [Timer, Further])
def test_no_other_class_takes_further_words(cls):
    walk = walk_of({})
    walk.options(cls, {"static_graph": True}, ("x",))
    (fault,) = walk.faults
    assert str(fault).startswith("x.static_graph: there is no such option")


def test_what_the_command_line_allows_reaches_classes_and_texts():
    value = {"class_path": "collections.OrderedDict"}
    assert told(Callback, value, allowed=("collections",)) == ["x (mine.yaml): OrderedDict is no Callback"]
    (fault,) = told(EarlyStopping | Timer, value, allowed=("collections",))
    assert fault == "x (mine.yaml): OrderedDict is no EarlyStopping or Timer"
    (fault,) = told(Callable[..., str], "textwrap.dedent")
    assert fault.startswith("x (mine.yaml): 'textwrap.dedent' is not allowed")
    assert told(Callable[..., str], "textwrap.dedent", allowed=("textwrap",)) == []


CHOICES = "Choices: gone, plain, scaled"


@pytest.mark.parametrize(
    ("annotation", "value", "faults"),
    [
        (int, None, ["x (mine.yaml): must be int, got null"]),
        (int, "a", ["x (mine.yaml): must be int, got 'a'"]),
        (Loss, None, ["x (mine.yaml): must be loss plugin, got null"]),
        (dict[str, int], [1], ["x (mine.yaml): must be dict[str, int], got [1]"]),
        (dict[str, int], {"a": "b"}, ["x.a (mine.yaml): must be int, got 'b'"]),
        (dict[str, int], {3: 1}, ["x.3 (mine.yaml): the key must be str, got 3"]),
        (list[int], 3, ["x (mine.yaml): must be list[int], got 3"]),
        (list[int], [1, "a", None], ["x.1: must be int, got 'a'", "x.2: must be int, got null"]),
        (int | list[int], "a", ["x (mine.yaml): must be int | list[int], got 'a'"]),
        (Network, 3, ["x (mine.yaml): must be Network, got 3"]),
        (
            Network,
            {"dept": 1},
            [
                "x.dept (mine.yaml): there is no such option; did you mean 'depth'? Choices: depth, name, size",
                "x.size: is missing; it must be given (int): Its size.",
            ],
        ),
        (Path, "y" * 300, [f"x (mine.yaml): {'y' * 40!r}... is too long for the path of a file"]),
        (
            list[Logger] | None,
            True,
            ["x (mine.yaml): must be a mapping of names to logger plugins, got True"],
        ),
        (
            dict[str, Loss],
            ["plain"],
            ["x (mine.yaml): must be a mapping of names to loss plugins, got ['plain']"],
        ),
        (
            dict[str, Loss],
            "plain",
            ["x (mine.yaml): must be a mapping of names to loss plugins, got 'plain'"],
        ),
        (
            dict[str, Loss],
            {"a.b": "plan"},
            ["x (mine.yaml): 'a.b' cannot be a name; use a text without dots"],
        ),
        (dict[str, Loss], {"": "plain"}, ["x (mine.yaml): '' cannot be a name; use a text without dots"]),
        (dict[str, Loss], {3: "plain"}, ["x (mine.yaml): 3 cannot be a name; use a text without dots"]),
        (
            dict[str, Loss],
            {"a": "plan"},
            [f"x.a (mine.yaml): there is no loss 'plan': did you mean 'plain'? {CHOICES}"],
        ),
        (list[Loss], ["plan"], [f"x.0: there is no loss 'plan': did you mean 'plain'? {CHOICES}"]),
        (Loss, {"scale": 2}, [f"x (mine.yaml): names no plugin; write {{plugin: NAME, ...}}. {CHOICES}"]),
        (Loss, 3, [f"x (mine.yaml): is no name of a plugin: 3; write {{plugin: NAME, ...}}. {CHOICES}"]),
        (
            Loss,
            {"plugin": [3]},
            [f"x (mine.yaml): is no name of a plugin: [3]; write {{plugin: NAME, ...}}. {CHOICES}"],
        ),
        (Loss, {"plugin": "scaled", "scale": "a"}, ["x.scale (mine.yaml): must be float, got 'a'"]),
        (
            Callback,
            {"class_path": "Timer", "args": 3},
            [
                "x.args (mine.yaml): there is no such key; did you mean 'init_args'? Choices: class_path, init_args"
            ],
        ),
        (
            Callback,
            {"class_path": "EarlyStopping", "init_args": {"monitor": "a", "patience": "b"}},
            ["x.init_args.patience (mine.yaml): must be int, got 'b'"],
        ),
        (Loss, {"class_path": "EarlyStopping"}, ["x (mine.yaml): EarlyStopping is no Loss"]),
    ],
)
def test_what_is_said_of_a_wrong_value(annotation, value, faults):
    assert told(annotation, value) == faults


def test_a_plugin_that_cannot_be_used_is_a_fault_of_its_place():
    (fault,) = told(Loss, "gone")
    assert fault.startswith(
        "x (mine.yaml): the loss 'gone' of salt-a 1 cannot be loaded: ModuleNotFoundError"
    )
    (fault,) = told(Callback, "other")
    assert fault.startswith(
        "x (mine.yaml): the callback 'other' is offered by salt-b 1 (plugin b) and salt-c 1"
    )


def test_a_class_that_is_no_base_is_found_wrong_before_its_arguments():
    assert told(Logger, {"class_path": "EarlyStopping", "init_args": {"nothing": 3}}) == [
        "x (mine.yaml): EarlyStopping is no Logger"
    ]
    (fault,) = told(Callback, {"class_path": "os.system", "init_args": {"nothing": 3}})
    assert fault.startswith("x.class_path (mine.yaml): class_path 'os.system' is not allowed")


def test_of_a_flag_the_flag_is_told_and_that_it_has_no_value():
    assert told(int, "a", label="--x", text="a") == ["--x: must be int, got 'a'"]
    assert told(int, True, label="--x") == ["--x: must be int, got no value"]
    assert told(int, True) == ["x (mine.yaml): must be int, got True"]


def test_a_flag_may_be_a_text_that_yaml_saw_otherwise():
    assert taken(str, 10, label="--x", text="010").short == "010"
    assert told(list[str], [10], label="--x", text="[010]") == ["x.0: must be str, got 10"]
    assert told(str, 10, text="010") == ["x (mine.yaml): must be str, got 10"]


def test_the_plugins_met_and_their_places_are_noted():
    value = {"a": "plain", "b": {"plugin": "scaled", "inner": "plain"}}
    walk = walk_of(value)
    walk.value(dict[str, Loss], value, ("x",))
    assert list(walk.plugins) == [("loss", "plain"), ("loss", "scaled")]
    assert [provider.name for provider in walk.plugins.values()] == ["plain", "scaled"]
    assert walk.places == {Plain: ["x.a", "x.b.inner"], Scaled: ["x.b"]}


def test_every_class_path_is_checked_wherever_it_stands():
    walk = walk_of({"deep": [{"class_path": "os.system"}, {"class_path": "Timer"}]})
    walk.check_class_paths()
    (fault,) = walk.faults
    assert str(fault).startswith("x.deep.0.class_path: class_path 'os.system' is not allowed")


def test_a_section_is_a_mapping_or_nothing():
    for value in (None, {}):
        walk = walk_of(value)
        walk.section("x", Scaled)
        assert walk.faults == []
    assert walk_of(None).section("no", Scaled).short == {"scale": 1.0, "folder": None, "inner": None}
    walk = walk_of([])
    assert walk.section("x", Scaled) == Value(None, None)
    assert [str(fault) for fault in walk.faults] == ["x (mine.yaml): must be a mapping of options, got []"]


def test_an_option_that_nobody_explains_may_be_missing_too():
    class Unexplained:
        def __init__(self, size: int) -> None: ...

    walk = walk_of({})
    walk.options(Unexplained, {}, ("x",))
    assert [str(fault) for fault in walk.faults] == ["x.size: is missing; it must be given (int)"]


def test_further_choices_are_suggested_too():
    walk = walk_of(3)
    walk.options(Scaled, {"modle": 3}, (), extra=("model",))
    (fault,) = walk.faults
    assert str(fault) == (
        "modle: there is no such option; did you mean 'model'? Choices: folder, inner, model, scale"
    )


def test_a_part_apart_from_a_configuration():
    assert resolve_part("loss", {"plugin": "scaled", "scale": 2.0}, REGISTRY) == {
        "class_path": SCALED,
        "init_args": {"scale": 2.0},
    }
    assert resolve_part("loss", {"plugin": "scaled", "folder": "a"}, REGISTRY)["init_args"] == {
        "folder": str(Path.cwd() / "a")
    }
    with pytest.raises(ConfigError) as caught:
        resolve_part("loss", {"plugin": "scaled", "scale": "a"}, REGISTRY)
    assert str(caught.value) == "loss.scale (loss): must be float, got 'a'"
    with pytest.raises(ConfigError, match="is not allowed"):
        resolve_part("callback", {"class_path": "os.system"}, REGISTRY)


def files_of(plugins: object) -> list[Path]:
    return local_plugins(merge([Layer({"plugins": plugins}, "mine.yaml", Path("/base"))]))


def test_plugin_files_are_relative_to_the_file_that_names_them():
    assert files_of(["a.py", "/b.py"]) == [Path("/base/a.py"), Path("/b.py")]
    assert files_of([]) == files_of(None) == local_plugins(merge([])) == []


@pytest.mark.parametrize("given", ["a.py", [3], {"a.py": 3}, 3])
def test_plugin_files_are_a_list_of_paths(given):
    with pytest.raises(ConfigError) as caught:
        files_of(given)
    assert str(caught.value) == f"plugins: must be a list of paths of Python files, got {given!r}"


def test_a_path_that_no_file_can_have_is_told_with_its_place():
    with pytest.raises(ConfigError, match=r"^plugins: .* is too long"):
        files_of(["y" * 300])

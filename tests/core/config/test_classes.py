"""Which classes YAML may name by ``class_path``, and which texts are refused, for they would be imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from lightning.pytorch import callbacks, loggers, profilers, strategies

from salt_core.config.classes import check_text, class_path_of, class_paths, find_class
from salt_core.errors import ConfigError


class Color(Enum):
    RED = 1


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A package of one's own, with a class, a function and modules that cannot be imported."""
    package = tmp_path / "my_classes"
    package.mkdir()
    (package / "__init__.py").write_text("class Mine:\n    class Inner: ...\n\ndef function(): ...\n")
    (package / "broken.py").write_text("raise SystemExit('no')\n")
    (package / "stopped.py").write_text("raise KeyboardInterrupt\n")
    (tmp_path / "my_classes_too.py").write_text("raise AssertionError('is imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "my_classes"
    for name in [name for name in sys.modules if name.startswith("my_classes")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("class_path", "cls"),
    [
        ("EarlyStopping", callbacks.EarlyStopping),
        ("lightning.pytorch.callbacks.EarlyStopping", callbacks.EarlyStopping),
        ("lightning.pytorch.callbacks.early_stopping.EarlyStopping", callbacks.EarlyStopping),
        ("CSVLogger", loggers.CSVLogger),
        ("lightning.pytorch.strategies.DDPStrategy", strategies.DDPStrategy),
        ("lightning.pytorch.profilers.SimpleProfiler", profilers.SimpleProfiler),
    ],
)
def test_lightnings_own(class_path, cls):
    assert find_class(class_path, "here") is cls


@pytest.mark.parametrize(
    "class_path",
    [
        "os.system",
        "lightning.pytorch.Trainer",
        "lightning.pytorch.callbacks.Nothing",
        "lightning.pytorch.callbacks_too.EarlyStopping",
        "other.EarlyStopping",
        "my_classes.Mine",
        "Nothing",
        "",
        3,
        None,
        ["EarlyStopping"],
    ],
)
def test_others_are_refused_with_the_place(mine, class_path):
    with pytest.raises(ConfigError, match="is not allowed: only Lightning's own") as caught:
        find_class(class_path, "model.encoder.class_path")
    assert caught.value.where == "model.encoder.class_path"
    assert caught.value.message.startswith(f"class_path {class_path!r} is not allowed")
    assert mine not in sys.modules


def test_a_refusal_says_how_to_allow_it_and_what_is_close():
    with pytest.raises(ConfigError) as caught:
        find_class("my_package.inner.EarlyStoping", "")
    assert "allowed on the command line by --allow_class_paths my_package.inner; did you mean" in str(
        caught.value
    )
    assert "did you mean 'EarlyStopping'" in str(caught.value)
    with pytest.raises(ConfigError, match="by --allow_class_paths MODULE; "):
        find_class("Mine", "")


@pytest.mark.parametrize(("name", "found"), [("Mine", "Mine"), ("Mine.Inner", "Mine.Inner")])
def test_what_the_command_line_allows(mine, name, found):
    assert find_class(f"{mine}.{name}", "", ["other", mine]).__qualname__ == found
    assert find_class(f"{mine}.{name}", "", [f"{mine}.Mine"]).__qualname__ == found


def test_to_allow_a_module_allows_none_whose_name_begins_so(mine):
    with pytest.raises(ConfigError, match="is not allowed"):
        find_class("my_classes_too.Mine", "", [mine])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("function", "class_path 'my_classes.function' is no class"),
        ("Nothing", "class_path 'my_classes.Nothing' cannot be imported: AttributeError"),
        ("broken.Mine", "class_path 'my_classes.broken.Mine' cannot be imported: SystemExit: no"),
    ],
)
def test_an_allowed_one_that_cannot_be_used(mine, name, said):
    with pytest.raises(ConfigError) as caught:
        find_class(f"{mine}.{name}", "trainer.logger", [mine])
    assert caught.value.message.startswith(said)
    assert caught.value.where == "trainer.logger"


def test_ctrl_c_during_an_import_ends_the_command(mine):
    with pytest.raises(KeyboardInterrupt):
        find_class(f"{mine}.stopped.Mine", "", [mine])


@pytest.mark.parametrize("name", ["EarlyStopping", "CSVLogger", "DDPStrategy", "SimpleProfiler"])
def test_the_path_of_a_class_leads_to_it(name):
    cls = find_class(name, "")
    path = class_path_of(cls)
    assert path.startswith("lightning.pytorch.")
    assert path.count(".") == 3
    assert find_class(path, "") is cls


def test_the_path_of_any_other_class_is_where_it_is_written():
    assert class_path_of(Color) == f"{__name__}.Color"

    class EarlyStopping: ...

    assert class_path_of(EarlyStopping).endswith(".<locals>.EarlyStopping")


def test_class_paths_are_found_wherever_they_stand():
    tree = {
        "a": {"class_path": "A", "init_args": {"x": [{"class_path": "B"}, 3, {"y": {"class_path": 4}}]}},
        "list": ["class_path"],
        "b": None,
    }
    assert list(class_paths(tree)) == [
        (("a", "class_path"), "A"),
        (("a", "init_args", "x", 0, "class_path"), "B"),
        (("a", "init_args", "x", 2, "y", "class_path"), 4),
    ]
    assert list(class_paths({"class_path": {"class_path": "A"}})) == [
        (("class_path",), {"class_path": "A"}),
        (("class_path", "class_path"), "A"),
    ]


IMPORTING: list[Any] = [
    Callable[[int], int],
    type[int],
    Color | Callable[[], int],
    list[callbacks.Callback],
    callbacks.Callback,
    dict[str, Callable[..., int]],
    tuple[Callable[..., int], ...],
]
PLAIN: list[Any] = [
    Any,
    "Unresolved",
    Literal["os.system"],
    Literal[1, "os.system"],
    str,
    int | None,
    Path,
    os.PathLike,
    Color,
    list,
    dict,
    tuple,
    set,
    None,
    list[str],
    dict[str, int],
    tuple[int, ...],
    str | list[Path] | None,
]
IMPORTED = ["os.system", ["fine", "os.system"], {"a": {"b": "os.path.join"}}, [["my_ünit.läuft"]]]


@pytest.mark.parametrize("annotation", IMPORTING)
@pytest.mark.parametrize("value", IMPORTED)
def test_a_text_that_would_be_imported(annotation, value):
    with pytest.raises(
        ConfigError, match=r"is not allowed: .* --allow_class_paths (os|os\.path|my_ünit)$"
    ) as caught:
        check_text(annotation, value, "trainer.x")
    assert caught.value.where == "trainer.x"


@pytest.mark.parametrize("annotation", PLAIN)
@pytest.mark.parametrize("value", IMPORTED)
def test_a_text_that_is_one(annotation, value):
    check_text(annotation, value, "")


@pytest.mark.parametrize(
    "value",
    [
        "lightning.pytorch.callbacks.Timer",
        "plain",
        "1.5",
        "a b.c",
        "os.",
        ".os",
        "/os.path",
        "a.5",
        "allowed.module",
        3,
        None,
        [3],
        {"os.system": 3},
    ],
)
def test_texts_that_are_not_imported_or_allowed(value):
    check_text(Callable[[int], int], value, "", ["other", "allowed"])

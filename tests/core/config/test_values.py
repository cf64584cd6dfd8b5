"""Which values an option takes, and how they are written."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Optional

import pytest

from salt_core.config.values import (
    dataclass_of,
    fits,
    items_of,
    leaf,
    mapping_of,
    parts_of,
    plain,
    takes_none,
    takes_path,
)
from salt_core.errors import ConfigError


@dataclass
class Network:
    sizes: tuple[int, ...] = (8, 4)
    folder: Path = Path("here")
    inner: dict[str, Any] = field(default_factory=lambda: {"a": (1, Path("b"))})


OPTIONAL = Optional[int]  # noqa: UP045  the old way to write it is taken too


@pytest.mark.parametrize(
    ("annotation", "parts"),
    [(int, (int,)), (int | None, (int,)), (OPTIONAL, (int,)), (int | str, (int, str)), (None, (None,))],
)
def test_parts(annotation, parts):
    assert parts_of(annotation) == parts


@pytest.mark.parametrize(
    ("annotation", "taken"),
    [(None, True), (Any, True), (int | None, True), (OPTIONAL, True), (int, False), (int | str, False)],
)
def test_null(annotation, taken):
    assert takes_none(annotation) is taken
    assert fits(annotation, None) is taken


@pytest.mark.parametrize(
    ("annotation", "taken"),
    [
        (Path, True),
        (PurePosixPath, True),
        (Path | None, True),
        (Path | list[Path], True),
        (list[Path], False),
        (str, False),
        (str | None, False),
    ],
)
def test_paths(annotation, taken):
    assert takes_path(annotation) is taken


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (Network, Network),
        (Network | None, Network),
        (Network(), None),
        (int, None),
        (int | Network, Network),
        (dict[str, Network], None),
    ],
)
def test_dataclasses(annotation, found):
    assert dataclass_of(annotation) is found


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (dict[str, int], (str, int)),
        (Mapping[int, float], (int, float)),
        (dict[str, int] | None, (str, int)),
        (dict[str, int] | str, None),
        (dict[str, int] | dict[int, int], None),
        (list[int], None),
        (int, None),
    ],
)
def test_mappings(annotation, found):
    assert mapping_of(annotation) == found


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (list[int], int),
        (list[int] | None, int),
        (int | list[int], int),
        (int | str | list[int | str] | None, int | str),
        (str | list[int], None),
        (list[str] | list[int], None),
        (tuple[int, int], None),
        (int, None),
    ],
)
def test_lists(annotation, found):
    assert items_of(annotation) == found


TAKEN: list[tuple[Any, Any]] = [
    (int, 3),
    (float, 3),
    (float, 2.5),
    (str, "5"),
    (bool, False),
    (int | str, "5"),
    (int | str | None, 5),
    (int | bool, True),
    (Literal["a", "b"], "b"),
    (tuple[int, int], [1, 2]),
    (tuple[float, float], [1, 2.5]),
    (list[str], ["5"]),
    (Any, {"a": object()}),
    ("Unresolved", 3),
    (dict[str, int], {"a": 1}),
]

REFUSED: list[tuple[Any, Any]] = [
    (int, True),
    (int, 2.5),
    (int, 3.0),
    (int, "3"),
    (float, "3"),
    (float, "1e3"),
    (float, True),
    (complex, True),
    (bool, 1),
    (bool, "true"),
    (str, 3),
    (str, True),
    (Literal["a", "b"], "c"),
    (tuple[int, int], [1, 2, 3]),
    (tuple[int, int], [1, "2"]),
    (list[bool], [1]),
    (list[int], [1, True]),
    (dict[str, int], {"a": "x"}),
    (int, [1]),
]


@pytest.mark.parametrize(("annotation", "value"), TAKEN)
def test_values_that_fit(annotation, value):
    assert fits(annotation, value) is True
    assert leaf(annotation, value, Path("/base")) == value


@pytest.mark.parametrize(("annotation", "value"), REFUSED)
def test_values_that_do_not_fit(annotation, value, capfd):
    assert fits(annotation, value) is False
    with pytest.raises(ValueError, match=r"^$"):
        leaf(annotation, value, Path("/base"))
    assert capfd.readouterr() == ("", "")


def test_a_path_is_made_absolute_and_another_text_is_not():
    assert leaf(Path, "a.h5", Path("/base")) == "/base/a.h5"
    assert leaf(str, "a.h5", Path("/base")) == "a.h5"
    assert leaf(Path | None, None, Path("/base")) is None
    with pytest.raises(ConfigError, match="too long"):
        leaf(Path, "x" * 300, Path("/base"))
    with pytest.raises(ValueError, match=r"^$"):
        leaf(Path, 3, Path("/base"))


def test_a_flag_may_be_a_text_where_yaml_saw_a_number():
    assert leaf(str, 10, Path("/base"), "010") == "010"
    assert leaf(int, 10, Path("/base"), "010") == 10
    assert leaf(str | None, 1000.0, Path("/base"), "1e3") == "1e3"
    with pytest.raises(ValueError, match=r"^$"):
        leaf(int, True, Path("/base"), "true")


def test_defaults_as_yaml_has_them():
    assert plain(Network()) == {"sizes": [8, 4], "folder": "here", "inner": {"a": [1, "b"]}}
    assert plain({"a": (Path("x"), None)}) == {"a": ["x", None]}
    assert plain([True, 2.5, "x"]) == [True, 2.5, "x"]
    assert plain(Network) is Network


def test_old_unions_are_unions():
    assert parts_of(typing.Union[int, str]) == (int, str)  # noqa: UP007

"""What is read of an old configuration, what is told of the rest, and how values of the wrong kind are told."""

from __future__ import annotations

from typing import Any

import pytest

from salt_plugins.salt_ml.nets import dense_of
from salt_plugins.salt_ml.reading import LONGEST, Findings, Section


def section(**content: Any) -> Section:
    return Section(content, "model.net", Findings())


def faults(of: Section) -> list[str]:
    return [str(fault) for fault in of.findings.faults]


def test_what_is_not_read_is_listed_or_refused():
    net = section(size=3, depth=2, colour="red", usual=1)
    assert net.take("size") == 3
    net.close(usual={"usual": 1})
    assert net.findings.left_out == [
        "model.net.depth: 2 (nothing like it here)",
        "model.net.colour: red (nothing like it here)",
    ]
    assert faults(net) == []
    net.close(of_model=True)
    assert faults(net) == [
        "model.net.usual: 1: there is nothing like it here, and it may change what the model predicts"
    ]


@pytest.mark.parametrize(
    ("value", "number", "told"),
    [
        (7, 7, None),
        ("100_000", 100_000, None),
        (None, 5, None),
        (True, 5, "model.net.size: true is no whole number"),
        (2.5, 5, "model.net.size: 2.5 is no whole number"),
        ("many", 5, "model.net.size: many is no whole number"),
    ],
)
def test_whole_numbers(value, number, told):
    net = section(size=value)
    assert net.number("size", 5) == number
    assert faults(net) == ([told] if told else [])


@pytest.mark.parametrize(
    ("value", "names", "told"),
    [
        ("pt", ["pt"], None),
        (["pt", "eta"], ["pt", "eta"], None),
        (None, [], None),
        (["pt", 3], [], "model.net.names: ['pt', 3] is no list of names"),
    ],
)
def test_names(value, names, told):
    net = section(names=value)
    assert net.strings("names") == names
    assert faults(net) == ([told] if told else [])


def test_sections_of_the_wrong_kind_are_empty_and_told():
    net = section(one=3, several={"a": 1}, items=[{"a": 1}, 4])
    assert net.section("one").take("a", "none") == "none"
    assert list(net.sections("several")) == []
    assert [item.take("a", "none") for item in net.sections("items")] == [1, "none"]
    assert faults(net) == [
        "model.net.one: must be a mapping, got 3",
        "model.net.several: must be a list, got {'a': 1}",
        "model.net.items.1: must be a mapping, got 4",
    ]


@pytest.mark.parametrize(
    ("value", "name", "told"),
    [
        ("salt.models.GN2", "GN2", None),
        ({"class_path": "salt.models.GN2", "init_args": {"a": 1}}, "GN2", None),
        (None, "", None),
        (False, "", None),
        ({"init_args": {}}, "", "model.net.part: must name a class by class_path, got {'init_args': {}}"),
        (4, "", "model.net.part: must name a class by class_path, got 4"),
    ],
)
def test_classes(value, name, told):
    net = section(part=value)
    assert net.component("part")[0] == name
    assert faults(net) == ([told] if told else [])


def test_a_long_value_is_cut():
    net = section()
    net.note("text", "x" * 200, "too long")
    assert net.findings.left_out == [f"model.net.text: {'x' * LONGEST}... (too long)"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"activation": "Softplus"}, "activation: 'Softplus' is none of ReLU, "),
        ({"hidden_layers": None, "input_size": None}, "hidden_layers: neither they nor input_size are given"),
        ({"output_size": 3}, "output_size: 3 must be 4 here"),
        ({"final_activation": "ReLU"}, "final_activation: ReLU: nets have no activation after"),
        ({"bias": False}, "bias: false: nets have a bias here"),
        ({"mup": True}, "mup: true: a model scaled by muP"),
    ],
)
def test_dense_nets_that_have_no_equivalent(content, told):
    net = section(**{"hidden_layers": [8], "output_size": 4, **content})
    dense_of(net, None, 4)
    (fault,) = faults(net)
    assert f"model.net.{told}" in fault

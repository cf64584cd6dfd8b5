"""How layers of configuration are merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.config.merge import Layer, merge


def layered(*trees):
    return merge([Layer(tree, f"file{i}", Path("/base")) for i, tree in enumerate(trees)])


def test_mappings_merge_deeply_in_order():
    merged = layered({"a": {"x": 1, "y": {"z": 2}}}, {"a": {"y": {"w": 3}}, "b": 4}, {"a": {"x": 5}})
    assert merged.tree == {"a": {"x": 5, "y": {"z": 2, "w": 3}}, "b": 4}


@pytest.mark.parametrize(
    ("old", "new"), [([1, 2, 3], [4]), (1, 2), ([1], "word"), ({"k": 1}, [2]), ("x", None)]
)
def test_lists_and_scalars_replace(old, new):
    assert layered({"a": old}, {"a": new}).tree == {"a": new}


def test_another_plugin_replaces_the_whole_component():
    merged = layered({"e": {"plugin": "gn2", "num_layers": 4}}, {"e": {"plugin": "deepsets", "width": 8}})
    assert merged.tree == {"e": {"plugin": "deepsets", "width": 8}}


def test_another_name_alone_replaces_the_whole_component():
    assert layered({"e": {"plugin": "gn2", "num_layers": 4}}, {"e": "deepsets"}).tree == {"e": "deepsets"}


@pytest.mark.parametrize("again", ["gn2", {"plugin": "gn2"}, {}])
def test_the_same_plugin_keeps_its_options(again):
    first = {"plugin": "gn2", "num_layers": 4}
    assert layered({"e": first}, {"e": again}).tree == {"e": first}


def test_options_without_a_name_go_to_the_plugin_that_is_there():
    assert layered({"e": "gn2"}, {"e": {"num_layers": 2}}).tree == {"e": {"plugin": "gn2", "num_layers": 2}}


def test_null_stays_and_may_be_filled_anew():
    assert layered({"t": {"a": {"x": 1}}}, {"t": {"a": None}}).tree == {"t": {"a": None}}
    assert layered({"t": {"a": {"x": 1}}}, {"t": {"a": None}}, {"t": {"a": {"y": 2}}}).tree == {
        "t": {"a": {"y": 2}}
    }


def test_every_value_knows_who_set_it():
    merged = layered({"a": {"x": 1, "y": 2}}, {"a": {"x": 3}})
    assert merged.source(("a", "x")).label == "file1"
    assert merged.source(("a", "y")).label == "file0"
    assert merged.source(("a", "y", "deeper")).label == "file0"


def test_keys_below_a_number_are_a_fault_that_names_both():
    (fault,) = layered({"a": {"b": 3}}, {"a": {"b": {"c": 1}}}).faults
    assert str(fault).startswith("a.b: is 3 (from file0)")
    assert "file1 sets c below it" in str(fault)


def test_layers_are_not_changed():
    tree = {"a": {"list": [1]}}
    merged = layered(tree, {"a": {"x": 1}})
    merged.tree["a"]["list"].append(2)
    assert tree == {"a": {"list": [1]}}

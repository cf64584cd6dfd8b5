"""How layers of configuration are merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_core.config.merge import Layer, Source, identity, merge


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
    tree = {"a": {"list": [{"b": 1}]}}
    merged = layered(tree, {"a": {"x": 1}})
    merged.tree["a"]["list"][0]["b"] = 2
    assert tree == {"a": {"list": [{"b": 1}]}}


def test_the_nearest_value_around_tells_who_set_what_is_below_it():
    merged = layered({"a": {"x": 1}}, {"a": {"y": [1]}})
    assert merged.source(("a", "y", 0)).label == "file1"
    assert merged.source(("a", "y", 0, "z")).label == "file1"
    assert merged.source(("a", "z")).label == "file0"
    assert merged.source(("b",)) == merged.source(()) == Source("the configuration", Path.cwd())


def test_a_source_has_the_layers_folder_and_text():
    merged = merge([Layer({"a": {"b": 10}}, "--a.b", Path("/here"), "010")])
    assert merged.source(("a", "b")) == Source("--a.b", Path("/here"), "010")


@pytest.mark.parametrize("key", ["plugin", "class_path"])
def test_a_name_that_gets_options_was_set_where_it_stood_alone(key):
    new = {"x": 1} if key == "plugin" else {"class_path": "gn2", "x": 1}
    merged = layered({"e": "gn2"}, {"e": new})
    assert merged.tree == {"e": {key: "gn2", "x": 1}}
    assert merged.source(("e", "plugin")).label == "file0"
    assert merged.source(("e", "x")).label == "file1"


def test_what_is_replaced_leaves_no_source():
    merged = layered({"e": {"plugin": "gn2", "a": {"b": 1}}, "f": 1}, {"e": {"plugin": "other"}})
    assert set(merged.sources) == {("e",), ("e", "plugin"), ("f",)}
    assert merged.source(("e", "a")).label == "file1"


def test_a_class_is_kept_and_replaced_like_a_plugin():
    old = {"class_path": "A", "init_args": {"x": 1}}
    assert layered({"e": old}, {"e": {"init_args": {"y": 2}}}).tree == {
        "e": {"class_path": "A", "init_args": {"x": 1, "y": 2}}
    }
    assert layered({"e": old}, {"e": {"class_path": "B"}}).tree == {"e": {"class_path": "B"}}
    assert layered({"e": old}, {"e": {"plugin": "gn2"}}).tree == {"e": {"plugin": "gn2"}}
    assert layered({"e": old}, {"e": "A"}).tree == {"e": old}


@pytest.mark.parametrize("old", [3, [1]])
def test_a_component_takes_the_place_of_a_value_without_keys(old):
    merged = layered({"e": old}, {"e": {"plugin": "gn2"}})
    assert merged.tree == {"e": {"plugin": "gn2"}}
    assert merged.source(("e", "plugin")).label == "file1"


def test_options_without_a_name_may_get_one_later():
    assert layered({"e": {"x": 1}}, {"e": {"plugin": "gn2"}}).tree == {"e": {"x": 1, "plugin": "gn2"}}


@pytest.mark.parametrize(("new", "keys"), [({"c": 1, 2: 3}, "c, 2"), ({}, "an empty mapping")])
def test_what_is_set_below_a_value_is_told(new, keys):
    merged = layered({"a": {"b": 3}}, {"a": {"b": new}})
    assert merged.tree == {"a": {"b": 3}}
    assert [str(fault) for fault in merged.faults] == [
        f"a.b: is 3 (from file0), which has no keys, but file1 sets {keys} below it"
    ]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("gn2", "gn2"),
        ({"plugin": "gn2", "class_path": "A"}, "gn2"),
        ({"class_path": "A"}, "A"),
        ({"plugin": 3}, None),
        ({"x": 1}, None),
        (None, None),
        (["gn2"], None),
    ],
)
def test_the_name_of_a_component(value, name):
    assert identity(value) == name

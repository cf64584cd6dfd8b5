"""YAML by the rules that people expect, read and written."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salt_core.config.yaml import dump_yaml, load_value, load_yaml
from salt_core.errors import ConfigError

WORDS = [
    "on",
    "off",
    "yes",
    "no",
    "010",
    "1e3",
    "1_000",
    "12:30",
    "null",
    "~",
    "",
    "0x1f",
    "=",
    "<<",
    "a: b",
    "- x",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(WORDS)
)
KEYS = st.text(max_size=8) | st.sampled_from(WORDS)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-7", 1e-7),
        ("1.5", 1.5),
        ("010", 10),
        ("0x10", 16),
        ("on", "on"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("~", None),
    ],
)
def test_scalars(text, value):
    found = load_value(text, "test")
    assert found == value
    assert type(found) is type(value)


def test_nan():
    assert math.isnan(load_value(".nan", "test"))


def test_a_key_that_stands_twice_is_refused_with_its_place():
    with pytest.raises(ConfigError, match=r"x:2:1: .*'a' stands twice"):
        load_yaml("a: 1\na: 2\n", "x")


def test_no_code_is_run():
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_yaml("a: !!python/object/apply:os.getcwd []\n", "x")


# A machine that is busy takes its time, which says nothing of the YAML.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_what_is_written_is_read_back(tree):
    assert load_yaml(dump_yaml(tree)) == tree


def said(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_yaml(text, "x")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "x:2:1: not valid YAML: the key 'a' stands twice"),
        ("b: {1: 1, 2: 2, 0x1: 3}", "x:1:17: not valid YAML: the key 1 stands twice"),
        ("a: &a {x: 1}\nb: {<<: *a, y: 1, y: 2}", "x:2:19: not valid YAML: the key 'y' stands twice"),
        ("{[a]: 1}", "x:1:2: not valid YAML: a key cannot be a list or a mapping"),
        ("{<<: [{x: 1}, 3]}", "x:1:15: not valid YAML: << takes a mapping, or a list of mappings"),
        ("{<<: 3}", "x:1:6: not valid YAML: << takes a mapping, or a list of mappings"),
        ("a: !!int b", "x:1:4: not valid YAML: 'b' is no value of the tag tag:yaml.org,2002:int"),
        ("!!float '': 1", "x:1:1: not valid YAML: '' is no value of the tag tag:yaml.org,2002:float"),
        (
            "- !!timestamp today",
            "x:1:3: not valid YAML: 'today' is no value of the tag tag:yaml.org,2002:timestamp",
        ),
        ("? !!seq a\n: 1", "x:1:3: not valid YAML: expected a sequence node, but found scalar"),
        ("a: [", "x:1:5: not valid YAML: expected the node content, but found '<stream end>'"),
        ("a: \x00", "x: not valid YAML: unacceptable character #x0000: special characters are not allowed"),
        ("a: &b [*b]", "x:1:4: not valid YAML: a value holds itself"),
        (f"a: 1{'0' * 100}", "x:1:4: not valid YAML: a number of 101 digits"),
        ("[a]", "x: holds ['a']; a configuration is a mapping of keys to values"),
        ("3", "x: holds 3; a configuration is a mapping of keys to values"),
        ("a: 1\n---\nb: 2\n", "x:2:1: not valid YAML: but found another document"),
    ],
)
def test_what_is_said_of_wrong_yaml(text, message):
    assert said(text) == message


def nested(levels: int) -> str:
    return f"a: {'[' * levels}1{']' * levels}"


def test_how_deep_values_may_be():
    assert load_yaml(nested(30))
    assert said(nested(31)) == "x:1:1: not valid YAML: more than 32 levels of nesting"
    assert said(nested(5000)) == "x: nested more than 32 levels deep"


def bomb(factor: int) -> str:
    """Write `factor` ** 6 values by their anchors, and a few."""
    lines = ["a0: &a0 [" + ", ".join(["1"] * factor) + "]"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * factor) + "]" for i in range(1, 6)]
    return "\n".join(lines)


def test_how_much_anchors_may_make_of_a_few_lines():
    assert len(load_yaml(bomb(9))["a5"]) == 9
    assert said(bomb(11)) == "x:1:1: not valid YAML: more than 1000000 values"


def test_a_key_may_be_given_by_a_merge_and_once_more():
    assert load_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 3, "y": 2},
    }
    assert load_yaml("a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: *a, <<: *b}")["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize("key", ["x", "dropout", "1"])
@pytest.mark.parametrize(
    ("merging", "value"),
    [
        ("{<<: [*one, *two]}", 1),
        ("{<<: *two, <<: *one}", 2),
        ("{KEY: 3, <<: *one}", 3),
        ("{<<: {<<: *two, KEY: 3}}", 3),
        ("{<<: *three}", 3),
    ],
)
def test_own_keys_count_first_and_then_the_first_to_be_merged(key, merging, value):
    text = "a: &one {KEY: 1}\nb: &two {KEY: 2}\nc: {d: &three {<<: *one, KEY: 3}}\ne: " + merging
    assert list(load_yaml(text.replace("KEY", key))["e"].values()) == [value]


def test_what_is_merged_stands_before_a_mappings_own_keys():
    text = "a: &a {z: 1, y: 2}\nb: &b {y: 4, x: 5}\nc: {w: 3, <<: [*a, *b]}"
    assert list(load_yaml(text)["c"].items()) == [("z", 1), ("y", 2), ("x", 5), ("w", 3)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-0x1f", "-0x1f"),
        ("0o17", 15),
        ("0x1F", 31),
        ("-12", -12),
        ("+3", 3),
        ("1" + "0" * 99, 10**99),
        ("1E5", 1e5),
        (".5", 0.5),
        ("2.", 2.0),
        ("-.inf", -math.inf),
        ("TRUE", True),
        ("False", False),
        ("NULL", None),
        ("", None),
        ("1_000", "1_000"),
        ("=", "="),
        ("2024-01-01", "2024-01-01"),
    ],
)
def test_further_scalars(text, value):
    found = load_value(text, "x")
    assert (found, type(found)) == (value, type(value))


def test_nothing_is_an_empty_mapping():
    assert load_yaml("") == load_yaml("# a comment\n") == load_yaml("null") == {}


def test_a_text_without_a_label_is_called_yaml():
    with pytest.raises(ConfigError, match=r"^YAML: holds 3"):
        load_yaml("3")


def test_a_file_is_called_by_its_path(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("ü: ä", encoding="utf-8")
    assert load_yaml(file) == {"ü": "ä"}
    file.write_text("a: [")
    with pytest.raises(ConfigError, match=f"^{file}:1:5: not valid YAML"):
        load_yaml(file)
    with pytest.raises(ConfigError, match=r"^mine:1:5: not valid YAML"):
        load_yaml(file, "mine")


def test_a_file_that_cannot_be_read(tmp_path):
    file = tmp_path / "a.yaml"
    with pytest.raises(ConfigError) as caught:
        load_yaml(file)
    assert str(caught.value) == f"{file}: cannot be read: No such file or directory"
    file.write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigError) as caught:
        load_yaml(file)
    assert str(caught.value) == f"{file}: is not a text file in UTF-8"


def test_how_it_is_written():
    shared = [1]
    tree = {
        "z": {"b": shared, "a": shared},
        "text": ["on", "010", "ü", "a\u2028b", "1.5"],
        "path": Path("a/b"),
        "tuple": (1, 2.5, None, True),
        "nested": [[1], {"a": 1}],
        "long": ["x" * 43, "y" * 43],
        "longer": ["x" * 44, "y" * 43],
        "words": "word " * 21 + "end",
    }
    assert dump_yaml(tree) == (
        "z:\n  b: [1]\n  a: [1]\n"
        """text: ['on', '010', ü, "a\\Lb", '1.5']\n"""
        "path: a/b\n"
        "tuple: [1, 2.5, null, true]\n"
        "nested:\n- [1]\n- a: 1\n"
        f"long: [{'x' * 43}, {'y' * 43}]\n"
        f"longer:\n- {'x' * 44}\n- {'y' * 43}\n"
        f"words: {'word ' * 20}word\n  end\n"
    )

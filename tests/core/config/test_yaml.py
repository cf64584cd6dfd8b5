"""YAML by the rules that people expect, read and written."""

from __future__ import annotations

import math

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

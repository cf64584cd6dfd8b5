"""How often things are tried, and that it is told; configurations that are wrong somewhere."""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Place = tuple[Any, ...]

HUGE = (2**31, 2**63, 2**64, -(2**63) - 1, 10**30, -(10**99))
WORDS = (
    "", " ", "null", "true", "1e5", "-1", ".nan", "~", "*", "&a", "!!python/name:os.system", "../..", "/",
    "package:",
    "jets", "tracks", "gn2", "classification", "cross_entropy", "adamw", "packed", "auto", "os.system", "a.b.c",
    "class_path", "plugin", "init_args", "cpu", "gpu", "ddp", "16-mixed",
    "x" * 300, "é\u2028\x85", "日本", "\U0001f600",
)  # fmt: skip
KEYS = st.one_of(st.sampled_from(WORDS), st.text(max_size=5), st.integers(-3, 300), st.booleans(), st.none())
SMALL = st.sampled_from((-1, 0, 1, 2, 3, 5, 8, 17))


def values(huge: bool) -> st.SearchStrategy[Any]:
    """Any YAML: numbers, texts, lists and mappings of them."""
    numbers = [SMALL, *([st.sampled_from(HUGE)] if huge else [])]
    floats = st.one_of(st.floats(-2, 2), st.sampled_from((float("nan"), float("inf"), -float("inf"), 1e-320)))
    # What YAML cannot write, half a letter and control characters, is not written.
    texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
    leaves = st.one_of(*numbers, floats, st.sampled_from(WORDS), texts, st.booleans(), st.none(), st.dates())
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    )


def near(value: Any, huge: bool) -> st.SearchStrategy[Any]:
    """Another value of the same type, which may well be allowed."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int):
        return st.one_of(SMALL, SMALL, st.sampled_from(HUGE)) if huge else SMALL
    if isinstance(value, float):
        return st.floats(0, 3) | st.floats()
    if isinstance(value, str):
        return st.sampled_from(WORDS) | st.just(value + " ")
    if isinstance(value, list) and value:
        return st.lists(st.sampled_from(value), max_size=2 * len(value))
    return values(huge)


@st.composite
def mutated(draw: st.DrawFn, config: dict[str, Any], more: dict[Place, Any], huge: bool) -> dict[str, Any]:
    """Change a place of a configuration, or some.

    Parameters
    ----------
    config : dict
        The configuration.
    more : dict of tuple to object
        Places that it does not mention and that may be set, and what stands there otherwise.
    huge : bool
        Whether there are huge numbers too.
    """
    tree = copy.deepcopy(config)
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        path = draw(st.sampled_from([*_paths(tree), *more]))
        kind = draw(st.sampled_from(("near", "near", "near", "set", "drop", "add", "wrap", "rename")))
        holder = _holder(tree, path)
        if holder is None:
            continue
        key = path[-1]
        if kind == "near":
            there = isinstance(holder, list) or key in holder
            holder[key] = draw(near(holder[key] if there else more.get(path), huge))
        elif kind == "set":
            holder[key] = draw(values(huge))
        elif kind == "add":
            _add(holder, draw(KEYS), draw(values(huge)))
        elif isinstance(holder, dict) and key in holder:
            _change(holder, key, kind, draw(KEYS))
    return tree


def _add(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder.append(value)


def _change(holder: dict[Any, Any], key: Any, kind: str, name: Any) -> None:
    value = holder.pop(key)
    if kind == "wrap":
        holder[key] = [value]
    elif kind == "rename":
        holder[name] = value


def _holder(tree: Any, path: Place) -> Any:
    """Return the mapping or list in which the last key of a path is, made where it is missing."""
    for key in path[:-1]:
        if isinstance(tree, dict):
            tree = tree.setdefault(key, {})
        elif isinstance(tree, list) and isinstance(key, int) and key < len(tree):
            tree = tree[key]
    if isinstance(tree, dict):
        return tree
    return tree if isinstance(tree, list) and isinstance(path[-1], int) and path[-1] < len(tree) else None


def _paths(tree: Any, path: Place = ()) -> Iterator[Place]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _paths(value, (*path, key))


@pytest.fixture
def configurations(sample) -> Callable[..., SearchStrategy]:
    """Make strategies of configurations that differ from that of the tiny model."""
    return partial(mutated, yaml.safe_load(sample.config.read_text()))


@pytest.fixture
def try_all(request) -> Callable[[SearchStrategy, Callable[..., str], int], Counter]:
    """Try `examples` examples of a strategy, and tell how many there were and how they ended.

    The few of every test run are always the same; the many of a full one are new each time.
    """

    def run(strategy: SearchStrategy, outcome_of: Callable[..., str], examples: int) -> Counter:
        ends: Counter = Counter()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=request.node.get_closest_marker("full") is None,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def once(example: object) -> None:
            ends[outcome_of(example)] += 1

        once()
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            told = ", ".join(f"{number} {end}" for end, number in ends.most_common())
            sys.stderr.write(f"\n{request.node.name}: {ends.total()} runs: {told}\n")
        return ends

    return run

"""What ``salt plugins list`` and ``salt plugins show`` say of every bundled plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from salt_core.kinds import BY_NAME
from salt_core.registry import Registry
from salt_core.registry.options import options_of
from salt_core.registry.summary import read_class

WIDTH = 110
REGISTRY = Registry.discover([])
BUNDLED = [(kind, name) for kind in BY_NAME for name in REGISTRY.names(kind)]


def unexplained(cls: type) -> Iterator[str]:
    """Name the options without explanation, those of options too."""
    for option in options_of(cls):
        if not option.description:
            yield option.name
        if option.inner is not None:
            yield from (f"{option.name}.{name}" for name in unexplained(option.inner))


@pytest.mark.parametrize(("kind", "name"), BUNDLED)
def test_summary_and_options(kind, name):
    cls = REGISTRY.resolve(kind, name)
    assert list(unexplained(cls)) == []
    summary = read_class(cls).summary
    assert summary.endswith(".")
    assert len(summary) <= WIDTH


def test_an_option_without_explanation_is_found():
    class Bare:
        """A plugin."""

        def __init__(self, size: int) -> None:
            del size

    assert list(unexplained(Bare)) == ["size"]

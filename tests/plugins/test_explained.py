"""What ``salt plugins list`` and ``salt plugins show`` say of every bundled plugin."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from salt_core.kinds import PARTS
from salt_core.registry import Registry
from salt_core.registry.options import options_of
from salt_core.registry.summary import read_class

WIDTH = 110
REGISTRY = Registry.discover([])
BUNDLED = [(kind.name, name) for kind in PARTS for name in REGISTRY.names(kind.name)]


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


@pytest.mark.parametrize("name", REGISTRY.names("command"))
def test_summary_and_options_of_a_command(name):
    command = REGISTRY.command(name)
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []
    summary = REGISTRY.provider("command", name).summary
    assert summary.endswith(".")
    assert len(summary) <= WIDTH


def test_an_option_without_explanation_is_found():
    class Bare:
        """A plugin."""

        def __init__(self, size: int) -> None:
            del size

    assert list(unexplained(Bare)) == ["size"]

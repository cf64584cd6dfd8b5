"""Options that parts are tried with, and what the demo jets can say of their columns."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from salt_core import ConfigError
from salt_core.authoring.checking import parts
from salt_core.authoring.checking.parts import (
    Part,
    check_contract,
    lacking,
    make,
    options_for,
    staging_target,
)
from salt_core.interfaces.dataloader import Dataloader
from salt_core.kinds import KINDS
from salt_core.registry import Registry


class Sized:
    """Has options."""

    example: ClassVar = {"size": 8, "scale": 2.0}

    def __init__(self, size: int, scale: float = 1.0, name: str = "") -> None:
        pass


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, {"size": 8, "scale": 2.0}),
        ({"size": 3, "other.scale": 5.0, "depth": 1}, {"size": 3, "scale": 2.0}),
        ({"mine.size": 4, "size": 3}, {"size": 4, "scale": 2.0}),
        ({"size": 3, "mine.size": 4, "mine.name": "x"}, {"size": 4, "scale": 2.0, "name": "x"}),
    ],
)
def test_what_names_the_part_goes_before_what_does_not_and_before_the_example(given, options):
    assert options_for(Sized, "mine", given) == options


def test_options_without_a_value_are_lacking():
    assert lacking(Sized, {"scale": 2.0}) == ["size"]
    assert lacking(Sized, Sized.example) == []


def test_a_part_is_made_of_its_options_and_wrong_ones_are_told():
    registry = Registry.discover()
    part = make("loss", "focal", {"gamma": 3.0}, registry)
    assert (part.title, part.made.gamma, part.options) == ("loss focal", 3.0, {"gamma": 3.0})
    assert "focal" in part.where
    with pytest.raises(ConfigError, match=r"gama.*did you mean 'gamma'"):
        make("loss", "focal", {"gama": 3.0}, registry)


class Picky:
    def stage(self, files: Any, target: Any) -> Any:
        if target.name != "memory":
            raise ConfigError("not there")
        raise ZeroDivisionError


def test_a_mistake_of_a_staging_method_is_no_refusal(tmp_path):
    fast, memory = tmp_path / "fast", tmp_path / "memory"
    assert staging_target(Picky(), [fast, memory]) == memory
    assert staging_target(Picky(), [fast]) == fast


class OwnFormat(Dataloader):
    def contents(self, request: Any) -> Any:
        raise AssertionError("is not asked")

    def build(self, request: Any) -> Any:
        raise AssertionError("is not asked")


def test_a_dataloader_of_a_format_of_its_own_is_not_checked(tmp_path):
    part = Part("dataloader", "own", {}, OwnFormat(), "own.py:1")
    assert "reads files of its own" in check_contract(part, tmp_path)


class Made:
    """Stands in for a part of any kind."""

    contents = Dataloader.contents

    def columns(self) -> dict[str, list[str]]:
        return {}


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if kind.name != "command"])
def test_every_kind_is_checked(kind, tmp_path, monkeypatch):
    asked = []
    check = "check_batch_backend" if kind == "batch" else f"check_{kind}"
    monkeypatch.setattr(parts, check, lambda *given: asked.append(given[0]))
    made = Made()
    check_contract(Part(kind, "mine", {}, made, "mine.py:1"), tmp_path)
    assert asked == [made]

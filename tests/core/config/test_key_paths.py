"""Flags read from source agree with those of the signatures."""

from __future__ import annotations

import pytest

from salt_core.config import key_paths
from salt_core.config.key_paths import flags, kind_at
from salt_core.config.schema import SECTIONS, RunOptions
from salt_core.registry.options import options_of

SOURCE = '''
from dataclasses import dataclass

class Other:
    def __init__(self, other: int): ...

@dataclass
class Options:
    """Options."""

    size: int
    part: "Loss | None" = None

    def run(self, no: int): ...

class Module(Other):
    def __init__(self, first, second: dict[str, int] = {}, *rest: int, third: bool = True, **more): ...
'''


def test_they_are_those_of_the_signatures_in_their_order():
    taken = [
        f"--{prefix}{option.name}"
        for prefix, cls in [("", RunOptions), *((f"{name}.", cls) for name, cls in SECTIONS.items())]
        for option in options_of(cls)
    ]
    assert list(flags()) == taken


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        ("Options", {"--size": "int", "--part": "'Loss | None'"}),
        ("Module", {"--first": "", "--second": "dict[str, int]", "--third": "bool"}),
        ("Nothing", {}),
    ],
)
def test_a_flag_comes_with_its_annotation(tmp_path, monkeypatch, cls, found):
    (tmp_path / "module_of_flags.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(key_paths, "SOURCES", (("", "module_of_flags", cls),))
    assert flags() == found


def test_a_module_without_source_has_none(monkeypatch):
    monkeypatch.setattr(key_paths, "SOURCES", (("model", "module_that_is_gone", "Module"),))
    assert flags() == {}


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("Loss", "loss"),
        ("Loss | None", "loss"),
        ("Callback", "callback"),
        ("Encoder", "encoder"),
        ("int", None),
        ("int | None", None),
        ("", None),
        ("dict[str, Task]", None),
        ("Command", None),
    ],
)
def test_the_kind_that_an_annotation_takes(annotation, kind):
    assert kind_at(annotation) == kind

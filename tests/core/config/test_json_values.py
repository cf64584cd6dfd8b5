"""What the JSON schema says of a value of every sort, of the place of a plugin, and at its top."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.loggers import CSVLogger, Logger

from salt_core.config.json_schema import json_schema
from salt_core.interfaces.loss import Loss
from salt_core.registry import Registry
from salt_core.registry.discovery import Findings
from salt_core.registry.provider import Provider


class Part:
    """Something that is no plugin."""


PART = Part()


@dataclass
class Size:
    """How large a part is.

    Parameters
    ----------
    width : int
        Its width.
    """

    width: int


class Every(Loss):
    """A loss that takes a value of every sort."""

    def __init__(
        self,
        number: float,
        flag: bool = True,
        text: str | None = None,
        path: Path = Path("here"),
        choice: Literal["a", 1] = "a",
        anything: Any = None,
        later: Later = 3,  # noqa: F821
        mapping: Mapping[str, int] | None = None,
        pair: tuple[int, str] = (1, "x"),
        several: tuple[int, ...] = (),
        names: list[str] | str = "x",
        items: set[int] = frozenset(),
        bare: list = [],  # noqa: B006
        free: dict = {},  # noqa: B006
        size: Size | None = None,
        part: Part = PART,
        thing: object = None,
        wide: int | object = None,
        function: Callable[[int], int] = abs,
        logger: CSVLogger | None = None,
        loss: Loss | None = None,
        losses: dict[str, Loss] = {},  # noqa: B006
        loggers: list[Logger] | bool | None = float("nan"),
    ) -> None:
        super().__init__()

    def forward(self, predictions, targets):
        return predictions


NULL = {"type": "null"}
CLASS = {
    "type": "object",
    "required": ["class_path"],
    "properties": {"class_path": {"type": "string"}, "init_args": {"type": ["object", "null"]}},
    "additionalProperties": False,
}


def either(*schemas: object) -> dict[str, object]:
    return {"anyOf": list(schemas)}


def to(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


def several(kind: str) -> dict[str, object]:
    return {
        "type": "object",
        "propertyNames": {"pattern": r"^[^.]+$"},
        "additionalProperties": either(to(kind), NULL),
    }


VALUES: dict[str, dict[str, object]] = {
    "number": {"description": "(float, required)", "type": "number"},
    "flag": {"description": "(bool)", "type": "boolean", "default": True},
    "text": {"description": "(str | None)", **either({"type": "string"}, NULL), "default": None},
    "path": {"description": "(Path)", "type": "string", "default": "here"},
    "choice": {"description": "('a' | 1)", "enum": ["a", 1], "default": "a"},
    "anything": {"description": "(Any)", "default": None},
    "later": {"description": "(Later)", "default": 3},
    "mapping": {
        "description": "(Mapping[str, int] | None)",
        **either({"type": "object", "additionalProperties": either({"type": "integer"}, NULL)}, NULL),
        "default": None,
    },
    "pair": {
        "description": "(tuple[int, str])",
        "type": "array",
        "items": [{"type": "integer"}, {"type": "string"}],
        "minItems": 2,
        "maxItems": 2,
        "default": [1, "x"],
    },
    "several": {
        "description": "(tuple[int, ...])",
        "type": "array",
        "items": {"type": "integer"},
        "default": [],
    },
    "names": {
        "description": "(list[str] | str)",
        **either({"type": "array", "items": {"type": "string"}}, {"type": "string"}),
        "default": "x",
    },
    "items": {"description": "(set[int])", "type": "array", "items": {"type": "integer"}},
    "bare": {"description": "(list)", "type": "array", "default": []},
    "free": {"description": "(dict)", "type": "object", "default": {}},
    "size": {
        "description": "(Size | None)",
        **either(
            {
                "type": "object",
                "properties": {"width": {"description": "Its width. (int, required)", "type": "integer"}},
                "additionalProperties": False,
            },
            NULL,
        ),
        "default": None,
    },
    "part": {"description": "(Part)"},
    "thing": {"description": "(object)", "default": None},
    "wide": {"description": "(int | object)", "default": None},
    "function": {"description": "(Callable[[int], int])"},
    "logger": {"description": "(CSVLogger | None)", **either(CLASS, NULL), "default": None},
    "loss": {"description": "(loss plugin | None)", **either(to("loss"), NULL), "default": None},
    "losses": {"description": "(dict[str, loss plugin])", **either(several("loss")), "default": {}},
    "loggers": {
        "description": "(list[logger plugin] | bool | None)",
        **either(
            either(to("logger"), several("logger"), {"type": "array", "items": to("logger")}),
            NULL,
            {"type": "boolean"},
        ),
    },
}


class Single(Loss):
    """A loss with one option, of a name that another has too."""

    def __init__(self, number: int = 1, flag: bool = True) -> None:
        super().__init__()

    def forward(self, predictions, targets):
        return predictions


@pytest.fixture
def definitions():
    offers = [("every", Every), ("single", Single), ("gone", "no_such_module:Gone")]
    providers = [Provider("loss", name, target, "p", "salt-p", "1") for name, target in offers]
    found = Findings([*providers, Provider("callback", "single", Timer, "p", "salt-p", "1")])
    warnings: list[str] = []
    made = json_schema(Registry(found), warnings.append)
    assert [warning.partition(":")[0] for warning in warnings] == ["left out"]
    return made["definitions"]


def test_a_value_of_every_sort(definitions):
    every = definitions["loss.every"]
    assert list(every) == ["type", "properties", "additionalProperties", "description"]
    assert (every["type"], every["additionalProperties"]) == ("object", False)
    assert every["description"] == "A loss that takes a value of every sort."
    assert list(every["properties"]) == ["plugin", *VALUES]
    for name, expected in VALUES.items():
        assert every["properties"][name] == expected, name
    assert every["properties"]["plugin"] == {"const": "every"}


def test_the_place_of_a_plugin(definitions):
    names = ["every", "single"]
    name_alone, mapping = definitions["loss"]["anyOf"]
    assert name_alone == {"enum": names}
    *named, by_class, without_name = mapping.pop("allOf")
    assert mapping == {
        "type": "object",
        "properties": {"plugin": {"enum": names, "description": "The name of a plugin of the kind loss."}},
    }
    assert named == [
        {
            "if": {"required": ["plugin"], "properties": {"plugin": {"const": name}}},
            "then": to(f"loss.{name}"),
        }
        for name in names
    ]
    assert by_class == {"if": {"required": ["class_path"]}, "then": CLASS}
    assert without_name["if"] == {"not": either({"required": ["plugin"]}, {"required": ["class_path"]})}
    merged = without_name["then"]
    assert list(merged) == ["properties", "additionalProperties"]
    assert merged["additionalProperties"] is False
    number, flag = VALUES["number"], VALUES["flag"]
    assert merged["properties"] == {
        **{name: either(schema) for name, schema in VALUES.items()},
        "number": either(number, {"description": "(int)", "type": "integer", "default": 1}),
        "flag": either(flag),
    }


def test_the_top_of_the_schema():
    made = json_schema(Registry(Findings()), lambda warning: None)
    assert list(made) == ["$schema", "title", "type", "properties", "additionalProperties", "definitions"]
    assert made["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert made["title"] == "A configuration of salt"
    assert (made["type"], made["additionalProperties"]) == ("object", False)
    for section in ("model", "data", "trainer"):
        mapping, null = made["properties"][section]["anyOf"]
        assert (mapping["type"], mapping["additionalProperties"], null) == ("object", False, NULL)
    assert made["properties"]["name"] == {
        "description": "Name of the model: the run directory and the columns of predictions begin with it. "
        "(str, required)",
        "type": "string",
    }
    assert made["definitions"]["loss"] == either(
        {"enum": []},
        {
            "type": "object",
            "properties": {"plugin": {"enum": [], "description": "The name of a plugin of the kind loss."}},
            "allOf": [
                {"if": {"required": ["class_path"]}, "then": CLASS},
                {
                    "if": {"not": either({"required": ["plugin"]}, {"required": ["class_path"]})},
                    "then": {"properties": {}, "additionalProperties": False},
                },
            ],
        },
    )

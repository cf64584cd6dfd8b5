"""The JSON schema of a YAML file, for editors: every section, and every plugin with its options.

A file is one layer of a configuration: another one may give what is missing in it, so that nothing is
required. JSON schema draft 7 is what editors know best.
"""

from __future__ import annotations

import collections.abc
import json
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal

from salt_core.config.schema import SECTIONS, RunOptions
from salt_core.config.values import dataclass_of, parts_of, plain, takes_none
from salt_core.errors import ConfigError
from salt_core.kinds import PARTS
from salt_core.registry import Registry
from salt_core.registry.options import Option, options_of
from salt_core.registry.slots import Slot, is_union, kind_of

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
NAME_PATTERN = r"^[^.]+$"
"""Names of tasks and the like: a key path has to lead to them."""

_NULL: Schema = {"type": "null"}
_CLASS: Schema = {
    "type": "object",
    "required": ["class_path"],
    "properties": {"class_path": {"type": "string"}, "init_args": {"type": ["object", "null"]}},
    "additionalProperties": False,
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_LISTS = (list, tuple, set, collections.abc.Sequence, collections.abc.Iterable)
_SCALARS: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (PurePath, "string"),
    (dict, "object"),
    (list, "array"),
)


def json_schema(registry: Registry, warn: Callable[[str], None]) -> Schema:
    """Describe YAML files that name plugins of `registry`.

    Parameters
    ----------
    registry : Registry
        The plugins.
    warn : callable
        Takes a line for each plugin that is left out, since it cannot be used.

    Returns
    -------
    dict
        A JSON schema, draft 7.
    """
    definitions: dict[str, Schema] = {}
    for kind in PARTS:
        classes = dict(_classes(registry, kind.name, warn))
        for name, cls in classes.items():
            definitions[f"{kind.name}.{name}"] = _plugin(
                name, cls, registry.provider(kind.name, name).summary
            )
        definitions[kind.name] = _component(kind.name, classes)
    sections = {name: _any_of([_options(cls), _NULL]) for name, cls in SECTIONS.items()}
    top = _options(RunOptions)
    return {
        "$schema": DRAFT,
        "title": "A configuration of salt",
        **top,
        "properties": {**top["properties"], **sections},
        "definitions": definitions,
    }


def _classes(registry: Registry, kind: str, warn: Callable[[str], None]) -> Iterable[tuple[str, type]]:
    for name in registry.names(kind):
        try:
            yield name, registry.resolve(kind, name)
        except ConfigError as error:
            warn(f"left out: {error}")


def _plugin(name: str, cls: type, summary: str) -> Schema:
    found = _options(cls)
    return found | {"description": summary, "properties": {"plugin": {"const": name}, **found["properties"]}}


def _component(kind: str, classes: Mapping[str, type]) -> Schema:
    """Describe the place of a plugin: its name alone, or a mapping with its options.

    A mapping without ``plugin`` changes options of the plugin that an earlier file names: those of any.
    """
    names = list(classes)
    named = [
        _if_then({"required": ["plugin"], "properties": {"plugin": {"const": name}}}, _reference(kind, name))
        for name in names
    ]
    full: Schema = {
        "type": "object",
        "properties": {"plugin": {"enum": names, "description": f"The name of a plugin of the kind {kind}."}},
        "allOf": [
            *named,
            _if_then({"required": ["class_path"]}, _CLASS),
            _if_then(
                {"not": _any_of([{"required": ["plugin"]}, {"required": ["class_path"]}])}, _any(classes)
            ),
        ],
    }
    return _any_of([{"enum": names}, full])


def _any(classes: Mapping[str, type]) -> Schema:
    found: dict[str, list[Schema]] = {}
    for cls in classes.values():
        for name, schema in _options(cls)["properties"].items():
            if schema not in found.setdefault(name, []):
                found[name].append(schema)
    return {
        "properties": {name: _any_of(schemas) for name, schemas in found.items()},
        "additionalProperties": False,
    }


def _options(cls: type) -> Schema:
    return {
        "type": "object",
        "properties": {option.name: _option(option) for option in options_of(cls)},
        "additionalProperties": False,
    }


def _option(option: Option) -> Schema:
    told = f"{option.description} ({option.type_text}{', required' if option.required else ''})".strip()
    found = {"description": told, **_value(option.annotation)}
    default = plain(option.default)
    return found if option.required or not _is_json(default) else found | {"default": default}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _value(annotation: Any) -> Schema:
    """Describe the values of an annotation, as `salt_core.config.resolver` takes them."""
    if slot := kind_of(annotation):
        return _with_switches(_slot(slot), annotation)
    if is_union(annotation):
        return _any_of([_value(part) for part in typing.get_args(annotation)])
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return {"enum": list(arguments)}
    if annotation in (None, type(None)):
        return _NULL
    if cls := dataclass_of(annotation):
        return _options(cls)
    if origin in _MAPPINGS and len(arguments) == 2:
        return {"type": "object", "additionalProperties": _any_of([_value(arguments[1]), _NULL])}
    if origin in _LISTS and arguments:
        return _list(origin, arguments)
    return _plain(annotation)


def _plain(annotation: Any) -> Schema:
    """Describe a value without parts; anything where only the command can tell."""
    if not isinstance(annotation, type) or annotation is object:
        return {}
    for scalar, name in _SCALARS:
        if issubclass(annotation, scalar):
            return {"type": name}
    return _CLASS if annotation.__module__.startswith("lightning.") else {}


def _list(origin: Any, arguments: Sequence[Any]) -> Schema:
    if origin is tuple and Ellipsis not in arguments:
        return {
            "type": "array",
            "items": [_value(part) for part in arguments],
            "minItems": len(arguments),
            "maxItems": len(arguments),
        }
    return {"type": "array", "items": _value(arguments[0])}


def _slot(slot: Slot) -> Schema:
    one = _reference(slot.kind)
    if slot.container == "one":
        return one
    mapping: Schema = {
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": _any_of([one, _NULL]),
    }
    return (
        mapping if slot.container == "mapping" else _any_of([one, mapping, {"type": "array", "items": one}])
    )


def _with_switches(schema: Schema, annotation: Any) -> Schema:
    """Allow null, true and false too where the annotation does."""
    null = [_NULL] if takes_none(annotation) else []
    return _any_of([schema, *null, *([{"type": "boolean"}] if bool in parts_of(annotation) else [])])


def _reference(*names: str) -> Schema:
    return {"$ref": f"#/definitions/{'.'.join(names)}"}


def _if_then(condition: Schema, consequence: Schema) -> Schema:
    return {"if": condition, "then": consequence}


def _any_of(schemas: Sequence[Schema]) -> Schema:
    unique = [schema for i, schema in enumerate(schemas) if schema not in schemas[:i]]
    return {} if {} in unique else {"anyOf": unique}

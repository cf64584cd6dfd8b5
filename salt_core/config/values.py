"""Single values against the annotation of their option: paths made absolute, all else checked by jsonargparse."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import typing
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from salt_core.config.paths import resolve_path
from salt_core.registry.slots import is_union


def parts_of(annotation: object) -> tuple[Any, ...]:
    """Return the members of a union, or `annotation` alone; None is left out."""
    members = typing.get_args(annotation) if is_union(annotation) else (annotation,)
    return tuple(member for member in members if member is not type(None))


def takes_none(annotation: object) -> bool:
    """Tell whether ``null`` is a value of `annotation`."""
    return annotation in (None, Any) or (is_union(annotation) and type(None) in typing.get_args(annotation))


def takes_path(annotation: object) -> bool:
    """Tell whether a text is a path: `Path`, or a union with it."""
    return any(isinstance(part, type) and issubclass(part, PurePath) for part in parts_of(annotation))


def dataclass_of(annotation: object) -> type | None:
    """Return the dataclass that `annotation` is, alone or beside None."""
    for part in parts_of(annotation):
        if isinstance(part, type) and dataclasses.is_dataclass(part):
            return part
    return None


def mapping_of(annotation: object) -> tuple[Any, Any] | None:
    """Return the types of keys and values where `annotation` is a mapping, alone or beside None."""
    found = [part for part in parts_of(annotation) if typing.get_origin(part) in (dict, Mapping)]
    if len(found) != 1 or len(parts_of(annotation)) != 1:
        return None
    key, value = typing.get_args(found[0])
    return key, value


def items_of(annotation: object) -> Any:
    """Return the type of the items where `annotation` is a list, alone or beside None or its items; else None."""
    parts = parts_of(annotation)
    lists = [part for part in parts if typing.get_origin(part) is list]
    if len(lists) != 1:
        return None
    (item,) = typing.get_args(lists[0])
    return item if all(part in (*parts_of(item), lists[0]) for part in parts) else None


def leaf(annotation: object, value: Any, folder: Path, text: str | None = None) -> Any:
    """Return `value` as the option takes it, in plain YAML types.

    Parameters
    ----------
    annotation : object
        The option's annotation.
    value : object
        What YAML gave.
    folder : Path
        What relative paths are relative to.
    text : str, optional
        A flag's value as it was typed, for options that want a text where YAML saw a number.

    Raises
    ------
    ValueError
        Where the value is not of the type.
    """
    if isinstance(value, str) and takes_path(annotation):
        return str(resolve_path(value, folder))
    if fits(annotation, value):
        return value
    if text is not None and fits(annotation, text):
        return text
    raise ValueError


def fits(annotation: object, value: Any) -> bool:
    """Tell whether jsonargparse takes `value` for `annotation`, without turning a text into a number."""
    if annotation is Any or isinstance(annotation, str):
        return True
    if value is None:
        return takes_none(annotation)  # jsonargparse takes it for no value at all
    if type(value) in (str, int, float, bool) and type(value) in parts_of(annotation):
        return True  # most are such; jsonargparse would make a number of the text "5" for int | str
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=annotation)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            parsed = parser.parse_object({"value": value})
    except (ArgumentError, ValueError, TypeError):
        return False
    return _same(parsed.value, value)


def _same(parsed: Any, value: Any) -> bool:
    """Tell whether parsing changed nothing but the container or the precision of a number."""
    if isinstance(value, bool) or isinstance(parsed, bool):
        return parsed is value
    if isinstance(value, str):
        return not isinstance(parsed, int | float)
    if isinstance(value, list) and isinstance(parsed, list | tuple):
        return len(parsed) == len(value) and all(_same(p, v) for p, v in zip(parsed, value, strict=True))
    return True


def plain(value: Any) -> Any:
    """Return a default as YAML has it: dataclasses as mappings, paths as texts, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value

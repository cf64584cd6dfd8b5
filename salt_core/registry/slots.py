"""Which parameters take a plugin: a base class as the annotation says so."""

from __future__ import annotations

import collections.abc
import sys
import types
import typing
from typing import Any, NamedTuple

from salt_core.kinds import PARTS

_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_LISTS = (list, tuple, collections.abc.Sequence, collections.abc.Iterable)


class Slot(NamedTuple):
    """What a parameter takes.

    Parameters
    ----------
    kind : str
        The kind of plugin.
    container : str
        ``one``, ``mapping`` (names to plugins) or ``list``.
    """

    kind: str
    container: str


def kind_of(annotation: object) -> Slot | None:
    """Tell whether a parameter is a slot for plugins.

    Parameters
    ----------
    annotation : object
        The annotation as `typing.get_type_hints` resolves it: `Loss`, ``Loss | None``,
        ``dict[str, Task]``, ``list[Callback]``. Where a plugin and a container of the same kind are
        both allowed, as for Lightning's ``callbacks``, the container is told. True and False may be
        allowed beside them, as for its ``logger``.

    Returns
    -------
    Slot or None
        None where anything else is allowed.
    """
    if is_union(annotation):
        return _slot_of_union(
            [part for part in typing.get_args(annotation) if part not in (type(None), bool)]
        )
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _MAPPINGS and len(arguments) == 2 and arguments[0] is str:
        return _contained(arguments[1], "mapping")
    if origin in _LISTS and arguments and set(arguments[1:]) <= {Ellipsis}:
        return _contained(arguments[0], "list")
    base = base_kind(annotation)
    return Slot(base, "one") if base else None


def base_kind(annotation: object) -> str | None:
    """Name the kind whose base class `annotation` is; a subclass of it is no slot.

    A base whose module nobody has imported cannot be the annotation, so nothing is imported here.
    """
    if not isinstance(annotation, type):
        return None
    for kind in PARTS:
        module, _, name = kind.base.partition(":")
        if getattr(sys.modules.get(module), name, None) is annotation:
            return kind.name
    return None


def is_union(annotation: object) -> bool:
    """Tell whether `annotation` is ``A | B``, ``Union`` or ``Optional``."""
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _slot_of_union(parts: list[Any]) -> Slot | None:
    slots = [kind_of(part) for part in parts]
    kinds = {slot.kind if slot else None for slot in slots}
    containers = {slot.container for slot in slots if slot} - {"one"}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is None or len(containers) > 1:
        return None
    return Slot(kind, containers.pop() if containers else "one")


def _contained(annotation: object, container: str) -> Slot | None:
    slot = kind_of(annotation)
    return Slot(slot.kind, container) if slot and slot.container == "one" else None

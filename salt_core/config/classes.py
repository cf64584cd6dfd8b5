"""Classes that YAML may name by ``class_path``: Lightning's own callbacks, loggers, strategies and profilers.

Naming a class imports its module, which runs code. So a configuration cannot name just any: the
command line alone can allow more, by ``--allow_class_paths MODULE``.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Literal

from salt_core.config.merge import KeyPath
from salt_core.errors import ConfigError, suggest
from salt_core.registry.faults import reason_of

ALLOWED = tuple(f"lightning.pytorch.{part}" for part in ("callbacks", "loggers", "strategies", "profilers"))
FLAG = "--allow_class_paths"

_PLAIN = (str, int, float, bool, bytes, type(None), os.PathLike, Enum)
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


def find_class(class_path: Any, where: str, allowed: Sequence[str] = ()) -> type:
    """Return the class of a ``class_path``; one of Lightning's by its name alone too.

    Parameters
    ----------
    class_path : object
        What YAML gave.
    where : str
        Its place.
    allowed : sequence of str, optional
        Modules that the command line allows beside Lightning's, with all below them.

    Raises
    ------
    ConfigError
        Where it is neither one of Lightning's callbacks, loggers, strategies and profilers nor allowed,
        or cannot be imported.
    """
    offered = {name: cls for module in ALLOWED for name, cls in _classes(module).items()}
    module, _, name = str(class_path).rpartition(".")
    if _lies_in(str(class_path), allowed):
        return _imported(str(class_path), where)
    if (module and not _lies_in(module, ALLOWED)) or name not in offered:
        raise ConfigError(
            f"class_path {class_path!r} {_refusal(class_path)}; {suggest(name, offered)}", where
        )
    return offered[name]


def class_path_of(cls: type) -> str:
    """Return the shortest full name under which `find_class` finds `cls`."""
    places = [module for module in ALLOWED if _classes(module).get(cls.__name__) is cls]
    return f"{places[0]}.{cls.__name__}" if places else f"{cls.__module__}.{cls.__qualname__}"


def class_paths(tree: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every ``class_path`` below `tree`, with its key path."""
    items = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        if key == "class_path" and isinstance(tree, Mapping):
            yield (*path, key), value
        yield from class_paths(value, (*path, key))


def check_text(annotation: object, value: Any, where: str, allowed: Sequence[str] = ()) -> None:
    """Refuse a text that would be imported, where `annotation` takes a class or a function.

    Raises
    ------
    ConfigError
        Where it lies in no module that is allowed.
    """
    if _is_plain(annotation):
        return
    for text in _texts(value):
        if _DOTTED.fullmatch(text) and not _lies_in(text, (*ALLOWED, *allowed)):
            raise ConfigError(f"{text!r} {_refusal(text)}", where)


def _refusal(class_path: Any) -> str:
    module = str(class_path).rpartition(".")[0] or "MODULE"
    return (
        "is not allowed: only Lightning's own callbacks, loggers, strategies and profilers are named so, all "
        f"else is a plugin, or allowed on the command line by {FLAG} {module}"
    )


def _lies_in(path: str, modules: Sequence[str]) -> bool:
    return any(path == module or path.startswith(f"{module}.") for module in modules)


def _imported(class_path: str, where: str) -> type:
    try:
        found = pkgutil.resolve_name(class_path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an import may end in anything, SystemExit included
        raise ConfigError(
            f"class_path {class_path!r} cannot be imported: {reason_of(error)}", where
        ) from error
    if not isinstance(found, type):
        raise ConfigError(f"class_path {class_path!r} is no class", where)
    return found


def _is_plain(annotation: object) -> bool:
    """Tell whether values of `annotation` are taken as they are, and none is imported."""
    if annotation is Any or isinstance(annotation, str) or typing.get_origin(annotation) is Literal:
        return True
    arguments = [part for part in typing.get_args(annotation) if part is not Ellipsis]
    if arguments and typing.get_origin(annotation) not in (type, Callable):
        return all(map(_is_plain, arguments))
    return annotation in (None, list, dict, tuple, set) or (
        inspect.isclass(annotation) and issubclass(annotation, _PLAIN)
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _classes(module: str) -> dict[str, type]:
    content = vars(importlib.import_module(module))
    return {name: content[name] for name in content["__all__"] if isinstance(content[name], type)}

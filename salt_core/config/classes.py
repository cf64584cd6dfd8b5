"""Classes that YAML may name by ``class_path``: Lightning's own callbacks, loggers, strategies and profilers."""

from __future__ import annotations

import importlib
from typing import Any

from salt_core.errors import ConfigError, suggest

ALLOWED = tuple(f"lightning.pytorch.{part}" for part in ("callbacks", "loggers", "strategies", "profilers"))


def find_class(class_path: Any, where: str) -> type:
    """Return the class of a ``class_path``, in full or by the class's name alone.

    Raises
    ------
    ConfigError
        Where it is not one of Lightning's callbacks, loggers, strategies and profilers.
    """
    offered = {name: cls for module in ALLOWED for name, cls in _classes(module).items()}
    module, _, name = str(class_path).rpartition(".")
    allowed = not module or any(module == place or module.startswith(f"{place}.") for place in ALLOWED)
    if not allowed or name not in offered:
        raise ConfigError(
            f"class_path {class_path!r} is not allowed: only Lightning's own callbacks, loggers, strategies and "
            f"profilers are named so, all else is a plugin; {suggest(name, offered)}",
            where,
        )
    return offered[name]


def class_path_of(cls: type) -> str:
    """Return the shortest full name under which `find_class` finds `cls`."""
    place = next(module for module in ALLOWED if cls.__name__ in _classes(module))
    return f"{place}.{cls.__name__}"


def _classes(module: str) -> dict[str, type]:
    content = vars(importlib.import_module(module))
    public = content.get("__all__", content)
    return {name: content[name] for name in public if isinstance(content.get(name), type)}

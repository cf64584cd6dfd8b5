"""Layers of configuration merged into one tree that remembers where every value came from."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salt_core.errors import ConfigError

KeyPath = tuple[Any, ...]


def key_text(path: KeyPath) -> str:
    """Write a key path as users do, such as ``model.tasks.track_origin``."""
    return ".".join(map(str, path))


@dataclass(frozen=True)
class Source:
    """Where a value came from.

    Parameters
    ----------
    label : str
        The file or flag as a message calls it.
    folder : Path
        What relative paths are relative to.
    text : str, optional
        A flag's value as it was typed.
    """

    label: str
    folder: Path
    text: str | None = None


@dataclass(frozen=True)
class Layer:
    """One mapping that goes on top of the ones before it.

    Parameters
    ----------
    tree : mapping
        Its keys and values.
    label, folder, text
        As in `Source`.
    """

    tree: Mapping[str, Any]
    label: str
    folder: Path
    text: str | None = None


@dataclass(frozen=True)
class Merged:
    """What all layers say together.

    Parameters
    ----------
    tree : dict
        The merged mapping.
    sources : dict of key path to Source
        Which layer set each mapping, list and scalar.
    faults : tuple of ConfigError
        Keys set below a value that can have none.
    """

    tree: dict[str, Any]
    sources: dict[KeyPath, Source]
    faults: tuple[ConfigError, ...] = ()

    def source(self, path: KeyPath) -> Source:
        """Tell which layer set the value at `path`, or else the nearest value around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.sources:
                return self.sources[path[:length]]
        return Source("the configuration", Path.cwd())


def identity(value: Any) -> str | None:
    """Name the plugin or class that `value` chooses, if it is a component that says so."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        name = value.get("plugin", value.get("class_path"))
        return name if isinstance(name, str) else None
    return None


def merge(layers: Iterable[Layer]) -> Merged:
    """Merge `layers` in order: mappings deeply, all else by replacement.

    A component that names another plugin replaces the whole component; one that names the same, or
    none, keeps the options that it does not mention. ``null`` stays in the tree as ``None``, and a
    later layer may fill the place anew.
    """
    merger = _Merger()
    for layer in layers:
        source = Source(layer.label, layer.folder, layer.text)
        merger.put_all(merger.tree, layer.tree, (), source)
    return Merged(merger.tree, merger.sources, tuple(merger.faults))


@dataclass
class _Merger:
    tree: dict[str, Any] = field(default_factory=dict)
    sources: dict[KeyPath, Source] = field(default_factory=dict)
    faults: list[ConfigError] = field(default_factory=list)

    def put_all(self, tree: dict[Any, Any], new: Mapping[Any, Any], path: KeyPath, source: Source) -> None:
        for key, value in new.items():
            place = (*path, key)
            if key not in tree:
                tree[key] = self._replace(value, place, source)
            else:
                tree[key] = self._combine(tree[key], value, place, source)

    def _combine(self, old: Any, new: Any, path: KeyPath, source: Source) -> Any:
        if isinstance(new, str) and isinstance(old, dict) and identity(old) == new:
            return old
        if not isinstance(new, Mapping) or old is None:
            return self._replace(new, path, source)
        name = identity(new)
        if isinstance(old, dict):
            if name is not None and identity(old) not in (None, name):
                return self._replace(new, path, source)
        elif isinstance(old, str) and name in (None, old):
            old = self._as_component(old, "class_path" if "class_path" in new else "plugin", path)
        elif name is not None:
            return self._replace(new, path, source)
        else:
            self.faults.append(_below_value(old, new, path, (self.sources[path], source)))
            return old
        self.put_all(old, new, path, source)
        return old

    def _as_component(self, word: str, key: str, path: KeyPath) -> dict[str, Any]:
        self.sources[(*path, key)] = self.sources[path]
        return {key: word}

    def _replace(self, value: Any, path: KeyPath, source: Source) -> Any:
        for old in [key for key in self.sources if key[: len(path)] == path]:
            del self.sources[old]
        self.sources[path] = source
        if isinstance(value, Mapping):
            return {key: self._replace(inner, (*path, key), source) for key, inner in value.items()}
        return copy.deepcopy(value)


def _below_value(
    old: Any, new: Mapping[Any, Any], path: KeyPath, sources: tuple[Source, Source]
) -> ConfigError:
    keys = ", ".join(map(str, new)) or "an empty mapping"
    return ConfigError(
        f"is {old!r} (from {sources[0].label}), which has no keys, but {sources[1].label} sets {keys} below it",
        key_text(path),
    )

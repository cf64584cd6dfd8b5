"""One pass over a configuration: every value against the option that takes it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from salt_core.config.classes import check_text, class_path_of, class_paths, find_class
from salt_core.config.merge import KeyPath, Merged, key_text
from salt_core.config.values import (
    dataclass_of,
    fits,
    items_of,
    leaf,
    mapping_of,
    parts_of,
    plain,
    takes_none,
)
from salt_core.errors import ConfigError, SaltError, located, suggest
from salt_core.kinds import BY_NAME
from salt_core.registry import Provider, Registry
from salt_core.registry.options import Option, options_of, type_text
from salt_core.registry.slots import Slot, kind_of


class Value(NamedTuple):
    """A checked value in its two forms.

    Parameters
    ----------
    short : object
        As YAML writes it, complete with defaults; plugins by name.
    full : object
        As jsonargparse takes it; plugins as ``class_path`` and ``init_args``.
    """

    short: Any
    full: Any


class Walk:
    """One pass over a configuration, which notes faults and goes on."""

    def __init__(self, merged: Merged, registry: Registry, allowed: Sequence[str]) -> None:
        self.merged = merged
        self.registry = registry
        self.allowed = tuple(allowed)
        self.faults: list[SaltError] = []
        self.plugins: dict[tuple[str, str], Provider] = {}
        self.places: dict[type, list[str]] = {}

    def check_class_paths(self) -> None:
        """Check every ``class_path``, those too that stand where the walk does not look for one."""
        for path, value in class_paths(self.merged.tree):
            self._find(value, path)

    def section(self, name: str, cls: type) -> Value:
        """Check a section of the configuration against the class that takes it."""
        given = self.merged.tree.get(name)
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            return self._fault((name,), f"must be a mapping of options, got {given!r}")
        return self.options(cls, given, (name,))

    def options(self, cls: type, given: Mapping[Any, Any], path: KeyPath, extra: Sequence[str] = ()) -> Value:
        """Check the options of a class or dataclass."""
        known = {option.name: option for option in options_of(cls)}
        unknown = {key: value for key, value in given.items() if key not in known}
        short = unknown if _takes_keywords(cls) else {}
        full = dict(short)
        for key in unknown.keys() - short.keys():
            self._fault((*path, key), f"there is no such option; {suggest(str(key), [*known, *extra])}")
        for name, option in known.items():
            if name in given:
                short[name], full[name] = self.value(option.annotation, given[name], (*path, name))
            elif option.required:
                self._fault(
                    (*path, name), f"is missing; it must be given ({option.type_text}){_about(option)}"
                )
            else:
                short[name] = plain(option.default)
        return Value(short, full)

    def value(self, annotation: Any, value: Any, path: KeyPath) -> Value:
        """Check one value of any kind."""
        if value is None:
            return self._null(annotation, path)
        if slot := kind_of(annotation):
            switched = isinstance(value, bool) and bool in parts_of(annotation)
            return Value(value, value) if switched else self._slot(slot, value, path)
        if _is_class(value):
            bases = tuple(part for part in parts_of(annotation) if inspect.isclass(part))
            return self._class(bases, value, path)
        if cls := dataclass_of(annotation):
            return (
                self.options(cls, value, path)
                if isinstance(value, Mapping)
                else self._wrong(annotation, value, path)
            )
        if types := mapping_of(annotation):
            return self._mapping(types, annotation, value, path)
        item_type = items_of(annotation)
        if item_type and (isinstance(value, list) or len(parts_of(annotation)) == 1):
            return self._list(item_type, annotation, value, path)
        return self._leaf(annotation, value, path)

    def _null(self, annotation: Any, path: KeyPath) -> Value:
        if takes_none(annotation):
            return Value(None, None)
        return self._fault(path, f"must be {type_text(annotation)}, got null")

    def _slot(self, slot: Slot, value: Any, path: KeyPath) -> Value:
        single = isinstance(value, str) or _is_class(value) or _names_plugin(value)
        if slot.container == "one" or (slot.container == "list" and single):
            return self._component(slot.kind, value, path)
        if isinstance(value, Mapping):
            parts = {
                key: self._component(slot.kind, item, (*path, key))
                for key, item in value.items()
                if item is not None and self._is_name(key, path)
            }
            short = {key: part.short for key, part in parts.items()}
            fulls = {key: part.full for key, part in parts.items()}
            return Value(short, fulls if slot.container == "mapping" else list(fulls.values()))
        if isinstance(value, list) and slot.container == "list":
            found = [self._component(slot.kind, item, (*path, i)) for i, item in enumerate(value)]
            return Value([part.short for part in found], [part.full for part in found])
        return self._fault(path, f"must be a mapping of names to {slot.kind} plugins, got {value!r}")

    def _is_name(self, key: Any, path: KeyPath) -> bool:
        """Tell whether a part can be called so: a key path, and a flag, has to lead to it."""
        if isinstance(key, str) and key and "." not in key:
            return True
        self._fault(path, f"{key!r} cannot be a name; use a text without dots")
        return False

    def _component(self, kind: str, value: Any, path: KeyPath) -> Value:
        """Check a plugin with its options, or one of Lightning's own classes."""
        if isinstance(value, str) and "." in value:
            value = {"class_path": value}
        if isinstance(value, Mapping) and "class_path" in value:
            return self._class((BY_NAME[kind].base_class(),), value, path)
        if isinstance(value, Mapping):
            name, given = value.get("plugin"), {key: v for key, v in value.items() if key != "plugin"}
        else:
            name, given = value, {}
        if not isinstance(name, str):
            said = "names no plugin" if name is None else f"is no name of a plugin: {name!r}"
            choices = ", ".join(self.registry.names(kind))
            return self._fault(path, f"{said}; write {{plugin: NAME, ...}}. Choices: {choices}")
        try:
            cls = self.registry.resolve(kind, name)
        except ConfigError as error:
            return self._fault(path, error.message)
        self.plugins[kind, name] = self.registry.provider(kind, name)
        self.places.setdefault(cls, []).append(key_text(path))
        options = self.options(cls, given, path)
        short = {"plugin": name, **options.short} if options.short else name
        return Value(short, {"class_path": f"{cls.__module__}.{cls.__qualname__}", "init_args": options.full})

    def _class(self, bases: tuple[type, ...], value: Mapping[str, Any], path: KeyPath) -> Value:
        """Check one of Lightning's own classes and its arguments."""
        cls = self._find(value["class_path"], (*path, "class_path"))
        if cls is None:
            return Value(None, None)
        if bases and not issubclass(cls, bases):
            names = " or ".join(base.__name__ for base in bases)
            return self._fault(path, f"{cls.__name__} is no {names}")
        for key in set(value) - {"class_path", "init_args"}:
            self._fault((*path, key), f"there is no such key; {suggest(key, ['class_path', 'init_args'])}")
        options = self.options(cls, value.get("init_args") or {}, (*path, "init_args"))
        name = class_path_of(cls)
        return Value(*({"class_path": name, "init_args": form} for form in (options.short, options.full)))

    def _find(self, class_path: Any, path: KeyPath) -> type | None:
        try:
            return find_class(class_path, self._where(path), self.allowed)
        except ConfigError as error:
            self.faults.append(error)
            return None

    def _mapping(self, types: tuple[Any, Any], annotation: Any, value: Any, path: KeyPath) -> Value:
        """Check a mapping with free keys; ``null`` takes an entry away."""
        if not isinstance(value, Mapping):
            return self._wrong(annotation, value, path)
        key_type, item_type = types
        parts = {}
        for key, item in value.items():
            if item is None and not takes_none(item_type):
                continue
            if not fits(key_type, key):
                self._fault((*path, key), f"the key must be {type_text(key_type)}, got {key!r}")
            parts[key] = self.value(item_type, item, (*path, key))
        return Value(*({key: part[form] for key, part in parts.items()} for form in (0, 1)))

    def _list(self, item_type: Any, annotation: Any, value: Any, path: KeyPath) -> Value:
        if not isinstance(value, list):
            return self._wrong(annotation, value, path)
        parts = [self.value(item_type, item, (*path, i)) for i, item in enumerate(value)]
        return Value(*([part[form] for part in parts] for form in (0, 1)))

    def _leaf(self, annotation: Any, value: Any, path: KeyPath) -> Value:
        source = self.merged.source(path)
        text = source.text if self._is_flag(path) else None
        try:
            with located(self._where(path)):
                check_text(annotation, value, self._where(path), self.allowed)
                found = leaf(annotation, value, source.folder, text)
        except ConfigError as error:
            self.faults.append(error)
            return Value(None, None)
        except ValueError:
            return self._wrong(annotation, value, path)
        return Value(found, found)

    def _wrong(self, annotation: Any, value: Any, path: KeyPath) -> Value:
        missing = self._is_flag(path) and self.merged.source(path).text is None
        got = "no value" if missing else repr(value)
        return self._fault(path, f"must be {type_text(annotation)}, got {got}")

    def _fault(self, path: KeyPath, message: str) -> Value:
        self.faults.append(ConfigError(message, self._where(path)))
        return Value(None, None)

    def _where(self, path: KeyPath) -> str:
        """Name the key path, and the file or flag that set it where that says more."""
        if self._is_flag(path):
            return f"--{key_text(path)}"
        known = path in self.merged.sources
        return f"{key_text(path)} ({self.merged.source(path).label})" if known else key_text(path)

    def _is_flag(self, path: KeyPath) -> bool:
        """Tell whether a flag set just this value."""
        return self.merged.source(path).label == f"--{key_text(path)}"


def _takes_keywords(cls: type) -> bool:
    """Tell whether a class of Lightning's takes options that its signature does not name."""
    parameters = inspect.signature(cls).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters) and cls.__module__.startswith("lightning.")


def _is_class(value: Any) -> bool:
    return isinstance(value, Mapping) and "class_path" in value


def _names_plugin(value: Any) -> bool:
    """Tell whether a value is a plugin with its options, and not plugins by names of one's choice."""
    return isinstance(value, Mapping) and isinstance(value.get("plugin"), str)


def _about(option: Option) -> str:
    return f": {option.description}" if option.description else ""

"""YAML as people expect it: ``1e-7`` is a number, ``on`` is a word, and no key stands twice."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path, PurePath
from typing import Any

import yaml

from salt_core.errors import ConfigError

_FLOW_WIDTH = 88
_DEEPEST = 32
_LARGEST = 1_000_000
_LONGEST_NUMBER = 100
_UNICODE_BREAKS = set("\x85\u2028\u2029")
_MERGE = "tag:yaml.org,2002:merge"
_RULES = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
        r"|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "merge": (r"<<", "<"),
}


class _Loader(yaml.SafeLoader):
    """A safe loader by the rules of YAML 1.2, which refuses a key that stands twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's own way to say which rules hold

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Look at the keys as they are written, before ``<<`` adds more."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key_node in (key for key, _ in node.value if key.tag != _MERGE):
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key cannot be a list or a mapping", key_node)
            key = self._key(key_node)
            if key in seen:
                raise _error(f"the key {key!r} stands twice", key_node)
            seen.add(key)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put in what ``<<`` names: a mapping's own keys count first, then what is named first.

        Releases of PyYAML differ in this, and in one of them it depends on how long a key is.
        """
        own = {self._key(key): (key, value) for key, value in node.value if key.tag != _MERGE}
        merged: dict[Hashable, tuple[yaml.Node, yaml.Node]] = {}
        for named in (value for key, value in node.value if key.tag == _MERGE):
            for part in named.value if isinstance(named, yaml.SequenceNode) else [named]:
                if not isinstance(part, yaml.MappingNode):
                    raise _error("<< takes a mapping, or a list of mappings", part)
                self.flatten_mapping(part)
                for key, value in part.value:
                    merged.setdefault(self._key(key), (key, value))
        node.value = list((merged | own).values())

    def _key(self, node: yaml.Node) -> Hashable:
        key: Hashable = self.construct_object(node, deep=True)
        return key

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make a value; one that does not fit its tag, such as ``!!int a``, fails in PyYAML in many ways."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError):
            raise _error(f"{node.value!r} is no value of the tag {node.tag}", node) from None

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Read a decimal, ``0o`` or ``0x`` number; ``010`` is ten."""
        text = str(self.construct_scalar(node))
        if len(text) > _LONGEST_NUMBER:
            raise _error(f"a number of {len(text)} digits", node)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


class _Dumper(yaml.SafeDumper):
    """A safe dumper that keeps the order of keys and writes short lists on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value in full: anchors make a saved configuration hard to read."""
        del data
        return True

    def represent_list(self, data: Any) -> yaml.SequenceNode:
        scalars = not any(isinstance(item, dict | list | tuple) for item in data)
        short = len(", ".join(map(str, data))) <= _FLOW_WIDTH
        flow = scalars and short
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)

    def represent_text(self, data: str) -> yaml.ScalarNode:
        """Quote a text with line breaks of Unicode, which PyYAML otherwise writes plain and reads as blanks."""
        style = '"' if set(data) & _UNICODE_BREAKS else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def represent_path(self, data: PurePath) -> yaml.Node:
        return self.represent_text(str(data))


for _tag, (_pattern, _first) in _RULES.items():
    # The dumper learns our rules on top of PyYAML's own, so that it quotes a string which either would misread.
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
        )
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_integer)
_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(list, _Dumper.represent_list)
_Dumper.add_representer(tuple, _Dumper.represent_list)
_Dumper.add_multi_representer(PurePath, _Dumper.represent_path)


def load_value(text: str, label: str) -> Any:
    """Read one YAML value of any type, such as that of a flag.

    Parameters
    ----------
    text : str
        The YAML.
    label : str
        What to call the text in a message.

    Raises
    ------
    ConfigError
        Where `text` is not YAML, or a key stands twice.
    """
    try:
        return _parsed(text)
    except yaml.YAMLError as error:
        raise _syntax_error(error, label) from None
    except RecursionError:
        raise ConfigError(f"nested more than {_DEEPEST} levels deep", label) from None


def _parsed(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_bombs(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_bombs(root: yaml.Node) -> None:
    """Refuse what is nested too deeply, holds itself, or too much once its anchors are written out.

    Whatever walks over the values later can then rely on an end.
    """
    measured: dict[int, tuple[int, int] | None] = {}

    def measure(node: yaml.Node) -> tuple[int, int]:
        """Return how many values a node holds, and over how many levels."""
        if id(node) not in measured:
            measured[id(node)] = None  # until it is known: met again, it holds itself
            parts = [measure(part) for part in _parts(node)]
            found = 1 + sum(size for size, _ in parts), 1 + max((levels for _, levels in parts), default=0)
            measured[id(node)] = found
        known = measured[id(node)]
        if known is None:
            raise _error("a value holds itself", node)
        return known

    size, levels = measure(root)
    for much, most, what in ((size, _LARGEST, "values"), (levels, _DEEPEST, "levels of nesting")):
        if much > most:
            raise _error(f"more than {most} {what}", root)


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def load_yaml(source: Path | str, label: str = "") -> dict[str, Any]:
    """Read a YAML mapping; nothing at all is an empty one.

    Parameters
    ----------
    source : Path or str
        A file, or the text itself.
    label : str, optional
        What to call it in a message; a file is called by its path.

    Raises
    ------
    ConfigError
        Where the file cannot be read, is not YAML, repeats a key, or holds no mapping.
    """
    label = label or (str(source) if isinstance(source, Path) else "YAML")
    text = _read(source, label) if isinstance(source, Path) else source
    tree = load_value(text, label)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"holds {tree!r}; a configuration is a mapping of keys to values", label)
    return tree


def dump_yaml(tree: Any) -> str:
    """Write `tree` as YAML which `load_yaml` reads back unchanged, keys in their order."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _read(file: Path, label: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", label) from None
    except UnicodeDecodeError:
        raise ConfigError("is not a text file in UTF-8", label) from None


def _error(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _syntax_error(error: yaml.YAMLError, label: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    place = f"{label}:{mark.line + 1}:{mark.column + 1}" if mark else label
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return ConfigError(f"not valid YAML: {problem}", place)

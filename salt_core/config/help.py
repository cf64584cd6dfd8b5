"""What ``salt fit --help`` and ``--model.encoder.help gn2`` print: every option, from the same signatures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from salt_core.config.arguments import PLUGIN_HELP, Flag
from salt_core.config.merge import Merged, identity
from salt_core.config.schema import SECTIONS, RunOptions
from salt_core.config.values import dataclass_of, plain
from salt_core.errors import ConfigError, suggest
from salt_core.registry import Registry
from salt_core.registry.options import Option, options_of
from salt_core.registry.slots import kind_of

WIDTH = 100

USAGE = """\
Usage: salt {command} [--config FILE]... [--section.option VALUE]...

{summary}

base.yaml comes first without being named, then each --config on top of what came before, then the flags.
Mappings merge, all else is replaced, and null removes a task, a callback or a stream. Every value can be
set by its path:

  --model.tasks.track_origin.weight 0.7        one option
  --model.tasks.track_vertexing null           remove a task
  --model.encoder.attention padded             an option of a plugin
  --data.num_train 1000000                     fewer jets
  --trainer.max_epochs 20                      fewer epochs

Options of the command:
  --config FILE                 a YAML file; may be given several times
  --allow_class_paths MODULE    let class_path name classes of this module too; may be given several times
  --no-plugin NAME              leave out a plugin or a distribution; may be given several times
  --print_config                print the complete configuration and stop
  --model.encoder.help [NAME]   explain the options of a plugin; so for every place that takes one
  -h, --help                    this text
  -n, --name NAME               short for the option name below
  -f, --force                   short for the option force below
"""


def command_help(command: str, summary: str, registry: Registry) -> str:
    """Explain a command and all options."""
    parts = [USAGE.format(command=command, summary=summary)]
    for title, cls, prefix in (
        ("The run", RunOptions, ""),
        *((name.capitalize(), section, f"{name}.") for name, section in SECTIONS.items()),
    ):
        parts.append("\n".join([f"{title}:", *_lines(cls, prefix, registry), ""]))
    return "\n".join(parts)


def plugin_kind(flag: Flag, merged: Merged, registry: Registry) -> str:
    """Return the kind of plugin at the place that ``--place.help`` asks for.

    A place within a plugin, such as the loss of a task, is known where the configuration names that plugin.

    Raises
    ------
    ConfigError
        Where the place takes no plugin.
    """
    keys = _keys(flag)
    cls, depth = SECTIONS.get(keys[0]), 1
    while cls is not None and depth < len(keys):
        option = next((option for option in options_of(cls) if option.name == keys[depth]), None)
        slot = kind_of(option.annotation) if option else None
        if slot is None:
            break
        depth += 1 if slot.container == "one" else 2
        if depth >= len(keys):
            return slot.kind
        name = _named(merged, keys[:depth])
        cls = registry.resolve(slot.kind, name) if name else None
    places = [f"--{place}{PLUGIN_HELP}" for place in _places()]
    raise ConfigError(f"no plugin stands there; {suggest(flag.name, places)}", flag.name)


def plugin_name(flag: Flag, merged: Merged) -> str:
    """Return the name that the flag gives, or else the one that the configuration has at its place.

    Raises
    ------
    ConfigError
        Where neither names a plugin.
    """
    name = flag.text or _named(merged, _keys(flag))
    if name is None:
        raise ConfigError("name the plugin to explain, such as --model.encoder.help gn2", flag.name)
    return name


def _keys(flag: Flag) -> list[str]:
    return flag.name[2:].removesuffix(PLUGIN_HELP).split(".")


def _named(merged: Merged, keys: Sequence[str]) -> str | None:
    value: Any = merged.tree
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return identity(value)


def _places() -> Iterator[str]:
    for section, cls in SECTIONS.items():
        for option in options_of(cls):
            if kind_of(option.annotation):
                yield f"{section}.{option.name}"


def _lines(cls: type, prefix: str, registry: Registry) -> Iterator[str]:
    for option in options_of(cls):
        inner = dataclass_of(option.annotation)
        if inner is not None:
            yield from _lines(inner, f"{prefix}{option.name}.", registry)
            continue
        yield f"  --{prefix}{option.name}: {option.type_text}, {_default(option)}"
        for text in (option.description, _choices(option, registry)):
            yield from textwrap.wrap(text, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _default(option: Option) -> str:
    return "required" if option.required else f"default {plain(option.default)!r}"


def _choices(option: Option, registry: Registry) -> str:
    slot = kind_of(option.annotation)
    return f"Plugins: {', '.join(registry.names(slot.kind))}" if slot else ""
